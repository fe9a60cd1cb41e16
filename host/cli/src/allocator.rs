//! How memory is taken from the system.

/// Lets the allocator have as many arenas as there are processors.
///
/// By default glibc has eight a processor, and what threads free stays in the arena of whoever took
/// it: under 20,000 events a second the service's memory grew for as long as it ran. Other C
/// libraries have one arena and need nothing.
pub(crate) fn tame() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let arenas = i32::try_from(processors.max(2)).unwrap_or(i32::MAX);
        #[expect(
            unsafe_code,
            reason = "glibc has no other way to say it from within the program"
        )]
        // SAFETY: it sets a number of the allocator's, under the allocator's own lock. If it fails,
        // all is as before.
        let _ = unsafe { libc::mallopt(libc::M_ARENA_MAX, arenas) };
    }
}
