//! The threads of the process as the system lists them.
//!
//! May use: `files`.

use super::files::File;

/// What the system says of a thread.
#[derive(Clone, Copy, Debug)]
pub struct Status {
    pub name: Name,
    /// `R`unning, `S`leeping, `Z`ombie, …
    pub state: u8,
    /// One bit per signal.
    pub blocked: u64,
}

/// At most 15 bytes; control characters and `\` may each take two more in the file.
#[derive(Clone, Copy, Debug, Default)]
pub struct Name {
    bytes: [u8; 16],
    len: usize,
}

impl Name {
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// Undoes what the system does to `\` and to line breaks.
    fn unescaped(text: &[u8]) -> Name {
        let mut name = Name::default();
        let mut rest = text.iter();
        while let Some(&byte) = rest.next() {
            let byte = match byte {
                b'\\' => match rest.next() {
                    Some(b'n') => b'\n',
                    _ => b'\\',
                },
                byte => byte,
            };
            if let Some(slot) = name.bytes.get_mut(name.len) {
                *slot = byte;
                name.len += 1;
            }
        }
        name
    }
}

/// Passes the number of each thread to `each`. One that starts or ends meanwhile may be left out.
pub fn list(buffer: &mut [u8], mut each: impl FnMut(u32)) {
    const LENGTH: usize = 16;
    const NAME: usize = 19;
    let Some(directory) = File::open(c"/proc/self/task") else { return };
    loop {
        let len = directory.read_entries(buffer);
        let mut entries = buffer.get(..len).unwrap_or_default();
        if entries.is_empty() {
            return;
        }
        while let Some(&[low, high]) = entries.get(LENGTH..LENGTH + 2) {
            let length = usize::from(u16::from_le_bytes([low, high]));
            let name = entries.get(NAME..length).unwrap_or_default();
            if let Some(number) = decimal(name.split(|byte| *byte == 0).next().unwrap_or_default()) {
                each(number);
            }
            entries = entries.get(length.max(1)..).unwrap_or_default();
        }
    }
}

/// None if the thread has ended.
pub fn status(id: u32, buffer: &mut [u8]) -> Option<Status> {
    let text = read(id, "status", buffer)?;
    let field = |name: &[u8]| {
        let line = text.split(|byte| *byte == b'\n').find(|line| line.starts_with(name))?;
        line.get(name.len()..)
    };
    Some(Status {
        name: Name::unescaped(field(b"Name:\t")?),
        state: *field(b"State:\t")?.first()?,
        blocked: hexadecimal(field(b"SigBlk:\t")?)?,
    })
}

/// For how many nanoseconds the thread has run; none if the system does not say.
pub fn ran_for(id: u32, buffer: &mut [u8]) -> Option<u64> {
    let first = read(id, "schedstat", buffer)?.split(|byte| *byte == b' ').next()?;
    std::str::from_utf8(first).ok()?.parse().ok()
}

/// The stack pointer of a thread that waits in the system; none if it runs.
pub fn stack_pointer(id: u32, buffer: &mut [u8]) -> Option<u64> {
    // `number arguments… stack-pointer program-counter`, or `-1 stack-pointer program-counter`, or `running`.
    let text = read(id, "syscall", buffer)?.trim_ascii();
    let mut words = text.rsplit(|byte| *byte == b' ');
    let _program_counter = words.next()?;
    hexadecimal(words.next()?.strip_prefix(b"0x")?)
}

fn read<'b>(id: u32, file: &str, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let len = File::of_thread(id, file)?.read_to_end(buffer);
    buffer.get(..len).filter(|text| !text.is_empty())
}

pub fn decimal(text: &[u8]) -> Option<u32> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

pub fn hexadecimal(text: &[u8]) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::{Name, list, stack_pointer, status};

    #[test]
    fn this_thread_is_listed_with_its_name() {
        std::thread::Builder::new()
            .name("a\\b and no more".to_owned())
            .spawn(|| {
                let mut buffer = [0; 4096];
                // SAFETY: no preconditions.
                let own = unsafe { libc::gettid() }.unsigned_abs();
                let mut found = false;
                list(&mut buffer, |id| found |= id == own);
                assert!(found);
                let status = status(own, &mut buffer).unwrap();
                assert_eq!(status.name.bytes(), b"a\\b and no more");
                assert_eq!((status.state, status.blocked), (b'R', 0));
            })
            .unwrap()
            .join()
            .unwrap();
    }

    #[test]
    fn names_as_the_system_writes_them() {
        assert_eq!(Name::unescaped(b"a\\nb\\\\c").bytes(), b"a\nb\\c");
    }

    #[test]
    fn a_waiting_thread_has_a_stack_pointer() {
        let (tell, told) = std::sync::mpsc::channel();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            let local = 0u8;
            // SAFETY: no preconditions.
            tell.send((unsafe { libc::gettid() }.unsigned_abs(), (&raw const local) as u64)).unwrap();
            let _ = ended.recv();
        });
        let (id, local) = told.recv().unwrap();
        let mut buffer = [0; 4096];
        while status(id, &mut buffer).unwrap().state != b'S' {
            std::thread::yield_now();
        }
        let sp = stack_pointer(id, &mut buffer).unwrap();
        assert!(sp < local && local - sp < 100_000, "{sp:x} {local:x}");
        drop(end);
        thread.join().unwrap();
        assert!(status(id, &mut buffer).is_none());
    }
}
