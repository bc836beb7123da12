//! Standard output.

use super::exit;
use std::process::ExitCode;

/// Prints to standard output. A closed pipe (`| head`) ends the program with success.
pub(super) fn print_out(text: &str) -> Result<(), ExitCode> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Err(ExitCode::from(exit::OK)),
        Err(error) => {
            eprintln!("pegel: cannot write to standard output: {error}");
            Err(ExitCode::from(exit::FAILED))
        }
    }
}
