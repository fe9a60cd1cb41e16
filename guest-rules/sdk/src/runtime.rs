//! The functions that the generated bindings call: allocation as the canonical ABI needs it.

use core::alloc::Layout;

/// Memory of a lowered value, which is freed when it is dropped.
#[derive(Debug)]
pub struct Cleanup {
    pointer: *mut u8,
    layout: Layout,
}

impl Cleanup {
    /// Allocates memory. Returns null and nothing to free for a size of 0.
    #[must_use]
    pub fn new(layout: Layout) -> (*mut u8, Option<Self>) {
        if layout.size() == 0 {
            return (core::ptr::null_mut(), None);
        }
        // SAFETY: the size is not 0.
        let pointer = unsafe { std::alloc::alloc(layout) };
        if pointer.is_null() {
            std::alloc::handle_alloc_error(layout);
        }
        (pointer, Some(Self { pointer, layout }))
    }

    /// Leaves the memory to the host, which frees it later.
    pub fn forget(self) {
        core::mem::forget(self);
    }
}

impl Drop for Cleanup {
    fn drop(&mut self) {
        // SAFETY: the memory is that of `new`, with the same layout.
        unsafe { std::alloc::dealloc(self.pointer, self.layout) }
    }
}

/// Makes the linker keep `cabi_realloc`, by which the host allocates in the rule's memory.
pub fn maybe_link_cabi_realloc() {
    #[cfg(target_family = "wasm")]
    {
        #[used]
        static KEPT: unsafe extern "C" fn(*mut u8, usize, usize, usize) -> *mut u8 = cabi_realloc;
    }
}

/// Allocates, or grows what was allocated, as the canonical ABI demands.
///
/// # Safety
/// `old` was allocated here with this size and alignment, or the old size is 0.
#[cfg(target_family = "wasm")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cabi_realloc(
    old: *mut u8,
    old_size: usize,
    align: usize,
    new_size: usize,
) -> *mut u8 {
    // SAFETY: the caller keeps the promises of the canonical ABI.
    let pointer = unsafe {
        if old_size > 0 {
            let layout = Layout::from_size_align_unchecked(old_size, align);
            std::alloc::realloc(old, layout, new_size)
        } else if new_size > 0 {
            std::alloc::alloc(Layout::from_size_align_unchecked(new_size, align))
        } else {
            align as *mut u8
        }
    };
    if pointer.is_null() {
        core::arch::wasm32::unreachable();
    }
    pointer
}

/// Runs static constructors once. Rust has none.
#[cfg(target_family = "wasm")]
pub fn run_ctors_once() {}
