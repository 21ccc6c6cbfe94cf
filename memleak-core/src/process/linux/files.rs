//! Files of `/proc`, read with system calls alone.
//!
//! May use: nothing.

use std::ffi::CStr;
use std::io::Write as _;

/// An open file.
pub struct File(libc::c_int);

impl File {
    pub fn open(path: &CStr) -> Option<File> {
        // SAFETY: a C string.
        let file = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
        (file >= 0).then_some(File(file))
    }

    /// One file of one thread.
    pub fn of_thread(id: u32, name: &str) -> Option<File> {
        let mut path = [0; 64];
        // The last byte stays zero.
        write!(&mut path[..63], "/proc/self/task/{id}/{name}").ok()?;
        File::open(CStr::from_bytes_until_nul(&path).ok()?)
    }

    /// Reads to the end, or until `into` is full.
    pub fn read_to_end(&self, into: &mut [u8]) -> usize {
        let mut len = 0;
        while let Some(room) = into.get_mut(len..).filter(|room| !room.is_empty()) {
            // SAFETY: `room` is a slice.
            match unsafe { libc::read(self.0, room.as_mut_ptr().cast(), room.len()) } {
                read @ 1.. => len += read.unsigned_abs(),
                -1 if interrupted() => {}
                _ => break,
            }
        }
        len
    }

    /// Reads words from a place in the file; what is not there is left as it is.
    pub fn read_words_at(&self, offset: u64, into: &mut [u64]) {
        // SAFETY: `into` is a slice, and any bytes are words.
        unsafe { libc::pread(self.0, into.as_mut_ptr().cast(), size_of_val(into), offset.cast_signed()) };
    }

    /// Reads entries of a directory; zero at its end.
    pub fn read_entries(&self, into: &mut [u8]) -> usize {
        // SAFETY: `into` is a slice.
        let read = unsafe { libc::syscall(libc::SYS_getdents64, self.0, into.as_mut_ptr(), into.len()) };
        usize::try_from(read).unwrap_or(0)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // SAFETY: this owns the file.
        unsafe { libc::close(self.0) };
    }
}

fn interrupted() -> bool {
    // SAFETY: this thread's own.
    unsafe { *libc::__errno_location() == libc::EINTR }
}
