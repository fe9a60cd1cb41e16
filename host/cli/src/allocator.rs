//! Settings of the memory allocator.

/// Limits the allocator to as many arenas as there are processors.
///
/// By default glibc has eight arenas a processor. Memory that a thread frees stays in the arena of
/// the thread that allocated it. Under 20,000 events a second the service's memory grew for as long
/// as it ran. Other C libraries have one arena and need no limit.
pub(crate) fn limit_arenas() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let arenas = i32::try_from(processors.max(2)).unwrap_or(i32::MAX);
        #[expect(
            unsafe_code,
            reason = "glibc has no other way to set it from within the program"
        )]
        // SAFETY: the call sets a number of the allocator, under the allocator's own lock. If the
        // call fails, nothing changes.
        let _ = unsafe { libc::mallopt(libc::M_ARENA_MAX, arenas) };
    }
}
