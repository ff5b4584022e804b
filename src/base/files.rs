//! Reading files with errors that name them, and writing files and folders so that nothing is ever half-written.
//!
//! Everything is built beside its place, inside a temporary folder that vanishes if anything fails, and moved into its
//! place by a rename: a reader sees the old content or the new, never a part. (Two folders cannot be exchanged in one
//! step portably, so for an instant a replaced folder has no name.)

use crate::base::diag::{Code, Diagnostic, Result};
use serde::de::DeserializeOwned;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The content of a file.
///
/// # Errors
/// [`Code::Unreadable`] where it cannot be opened or read.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|e| unreadable(path, &e))
}

/// Checks that a file can be opened, so that its absence is told before other work.
///
/// # Errors
/// [`Code::Unreadable`], as [`read`] would give it.
pub fn check_readable(path: &Path) -> Result<()> {
    let open = File::open(path).and_then(|f| f.metadata());
    match open {
        Ok(found) if found.is_dir() => Err(unreadable(path, &io::ErrorKind::IsADirectory.into())),
        Ok(_) => Ok(()),
        Err(e) => Err(unreadable(path, &e)),
    }
}

/// The content of a text file.
///
/// # Errors
/// [`Code::Unreadable`] where it cannot be opened or read, or is not UTF-8.
pub fn read_text(path: &Path) -> Result<String> {
    String::from_utf8(read(path)?).map_err(|e| {
        Diagnostic::new(Code::Unreadable, "the file is not text")
            .at(format!("{}, byte {}", path.display(), e.utf8_error().valid_up_to()))
            .expected("UTF-8")
    })
}

/// The value that a JSON file holds.
///
/// # Errors
/// [`Code::Unreadable`] where the file cannot be read or ends too early; [`Code::Malformed`] where it is not what is
/// expected, with the line and column.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    parse_json(&read_text(path)?, path)
}

/// The value that the text of a JSON file holds; `path` is named in errors.
///
/// # Errors
/// As [`read_json`].
pub fn parse_json<T: DeserializeOwned>(text: &str, path: &Path) -> Result<T> {
    serde_json::from_str(text).map_err(|e| {
        let place = format!("{}:{}:{}", path.display(), e.line(), e.column());
        // serde_json repeats the position at the end of its message; the place already says it.
        let message = e.to_string();
        let what = message
            .rsplit_once(" at line ")
            .map_or(message.as_str(), |(head, _)| head);
        if e.is_eof() {
            return Diagnostic::new(Code::Unreadable, format!("the JSON text ends too early: {what}")).at(place);
        }
        Diagnostic::new(Code::Malformed, what)
            .at(place)
            .next("docs/formats.md describes the file's members")
    })
}

/// Writes a file: complete, or not at all. A device or pipe is written to directly.
///
/// # Errors
/// [`Code::Unwritable`], naming the path; what was there before is then still there.
pub fn write_atomic(path: &Path, content: &[u8]) -> Result<()> {
    let fail = |e: &io::Error| unwritable(path, e);
    // A link is followed, so that it stays a link; a path that does not exist yet has nothing to follow.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    if let Ok(found) = fs::metadata(&target)
        && !found.is_file()
    {
        if found.is_dir() {
            return Err(fail(&io::ErrorKind::IsADirectory.into()));
        }
        return fs::write(&target, content).map_err(|e| fail(&e));
    }
    let (workshop, name) = workshop(&target).map_err(|e| fail(&e))?;
    let built = workshop.path().join(name);
    // Created inside the temporary folder rather than as a temporary file, so that it has the user's usual permissions.
    let mut file = File::create_new(&built).map_err(|e| fail(&e))?;
    file.write_all(content)
        .and_then(|()| file.sync_all())
        .map_err(|e| fail(&e))?;
    fs::rename(&built, &target).map_err(|e| fail(&e))
}

/// Builds a folder beside its place by calling `build` with an empty folder, then puts it in place of `target`.
///
/// An existing `target` is replaced only if it is empty or holds a file named `marker`, which shows that it was written
/// by this program; it stays untouched until the new one is complete, and comes back if the exchange fails.
///
/// # Errors
/// What `build` returns; [`Code::Unwritable`] where the folder cannot be created or must not be replaced.
pub fn replace_dir(target: &Path, marker: &str, build: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let fail = |e: &io::Error| unwritable(target, e);
    let place = fs::canonicalize(target).unwrap_or_else(|_| target.to_path_buf());
    let occupied = may_replace(&place, target, marker)?;
    let (workshop, name) = workshop(&place).map_err(|e| fail(&e))?;
    let built = workshop.path().join("new").join(&name);
    fs::create_dir_all(&built).map_err(|e| fail(&e))?;
    build(&built)?;
    if !built.join(marker).exists() {
        // Without its marker the folder could never be replaced again.
        return Err(fail(&io::Error::other(format!("the new content lacks `{marker}`"))));
    }
    exchange(workshop, &built, &place, occupied).map_err(|(e, kept)| match kept {
        Some(kept) => fail(&e).next(format!("the old folder is kept as {}", kept.display())),
        None => fail(&e),
    })
}

/// Puts `built` in place of `place`. Where that fails, the old folder comes back, or is told where it was left.
fn exchange(
    workshop: TempDir,
    built: &Path,
    place: &Path,
    occupied: bool,
) -> std::result::Result<(), (io::Error, Option<PathBuf>)> {
    let old = workshop.path().join("old");
    if occupied {
        fs::rename(place, &old).map_err(|e| (e, None))?;
    }
    let Err(error) = fs::rename(built, place) else {
        return Ok(());
    };
    if occupied && fs::rename(&old, place).is_err() {
        // Deleting the temporary folder now would delete the user's old output.
        return Err((error, Some(workshop.keep().join("old"))));
    }
    Err((error, None))
}

/// Checks that a file or folder could be written at `target`, so that a long computation does not end in vain.
///
/// # Errors
/// [`Code::Unwritable`], as [`write_atomic`] and [`replace_dir`] would give it.
pub fn check_writable(target: &Path) -> Result<()> {
    match fs::metadata(target) {
        Ok(found) if !found.is_file() && !found.is_dir() => Ok(()), // a device or pipe
        _ => workshop(target).map(drop).map_err(|e| unwritable(target, &e)),
    }
}

/// Checks that [`replace_dir`] could write `target`, so that a long computation does not end in vain.
///
/// # Errors
/// [`Code::Unwritable`], as [`replace_dir`] would give it.
pub fn check_replaceable(target: &Path, marker: &str) -> Result<()> {
    let place = fs::canonicalize(target).unwrap_or_else(|_| target.to_path_buf());
    may_replace(&place, target, marker)?;
    check_writable(target)
}

/// Whether `place` exists and must be moved away; an error if it is not ours to replace.
fn may_replace(place: &Path, named: &Path, marker: &str) -> Result<bool> {
    let Ok(found) = fs::symlink_metadata(place) else {
        return Ok(false);
    };
    if !found.is_dir() {
        return Err(unwritable(named, &io::ErrorKind::NotADirectory.into()));
    }
    let mut entries = fs::read_dir(place).map_err(|e| unwritable(named, &e))?;
    if entries.next().is_some() && !place.join(marker).exists() {
        return Err(
            Diagnostic::new(Code::Unwritable, "the folder exists and was not written by naas")
                .at(named.display().to_string())
                .expected(format!("a new or empty folder, or one with a file `{marker}`"))
                .next("choose another folder, or empty this one"),
        );
    }
    Ok(true)
}

/// A temporary folder beside `target`, on the same file system, and the target's own name.
fn workshop(target: &Path) -> io::Result<(TempDir, PathBuf)> {
    let name = target.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    let parent = match target.parent() {
        Some(p) if p != Path::new("") => p,
        _ => Path::new("."),
    };
    let mut prefix = OsStr::new(".").to_os_string();
    prefix.push(name);
    prefix.push(".");
    let folder = tempfile::Builder::new().prefix(&prefix).tempdir_in(parent)?;
    Ok((folder, PathBuf::from(name)))
}

fn unreadable(path: &Path, error: &io::Error) -> Diagnostic {
    Diagnostic::new(Code::Unreadable, format!("cannot read the file: {}", reason(error)))
        .at(path.display().to_string())
        .expected("an existing file with read permission")
}

fn unwritable(path: &Path, error: &io::Error) -> Diagnostic {
    Diagnostic::new(Code::Unwritable, format!("cannot write the output: {}", reason(error)))
        .at(path.display().to_string())
        .expected("a path in an existing folder with write permission")
        .next("create the folder, or choose another place")
}

/// The system's words for an error, without its number and without a temporary path that the user never chose.
fn reason(error: &io::Error) -> String {
    let wrapped = error
        .get_ref()
        .and_then(|e| e.source())
        .and_then(|e| e.downcast_ref::<io::Error>());
    let text = wrapped.unwrap_or(error).to_string();
    text.split_once(" (os error")
        .map_or(text.as_str(), |(words, _)| words)
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names in a folder, temporary ones included.
    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn folder() -> TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn reading_what_is_not_there() {
        let e = read(Path::new("no/such/file")).unwrap_err();
        assert_eq!(check_readable(Path::new("no/such/file")).unwrap_err(), e);
        assert_eq!(
            check_readable(Path::new(".")).unwrap_err().what,
            "cannot read the file: is a directory"
        );
        assert_eq!((e.code, e.place.as_deref()), (Code::Unreadable, Some("no/such/file")));
        assert_eq!(e.what, "cannot read the file: No such file or directory");
    }

    #[test]
    fn json_errors_name_line_and_column() {
        let dir = folder();
        let path = dir.path().join("x.json");
        fs::write(&path, "{\n \"a\": tru }").unwrap();
        let e = read_json::<serde_json::Value>(&path).unwrap_err();
        assert_eq!(e.code, Code::Malformed);
        assert!(e.place.as_ref().unwrap().ends_with("x.json:2:10"), "{e}");
        assert_eq!(e.what, "expected ident");
        fs::write(&path, "{\"a\": [1,").unwrap();
        assert_eq!(
            read_json::<serde_json::Value>(&path).unwrap_err().code,
            Code::Unreadable
        );
        fs::write(&path, b"\xff\xfe").unwrap();
        assert_eq!(
            read_json::<serde_json::Value>(&path).unwrap_err().code,
            Code::Unreadable
        );
    }

    #[test]
    fn writing_replaces_and_leaves_nothing_beside() {
        let dir = folder();
        let path = dir.path().join("out.json");
        check_writable(&path).unwrap();
        write_atomic(&path, b"one").unwrap();
        write_atomic(&path, b"two").unwrap();
        assert_eq!(read_text(&path).unwrap(), "two");
        assert_eq!(names(dir.path()), ["out.json"]);
    }

    #[test]
    fn writing_where_it_is_impossible_names_the_path() {
        let dir = folder();
        let file = dir.path().join("file");
        fs::write(&file, "x").unwrap();
        for bad in [
            dir.path().join("missing/out.json"),
            file.join("out.json"),
            dir.path().to_path_buf(),
        ] {
            let e = write_atomic(&bad, b"x").unwrap_err();
            assert_eq!((e.code, e.place), (Code::Unwritable, Some(bad.display().to_string())));
            assert_eq!(check_writable(&bad).is_err(), bad != dir.path());
            assert!(!e.what.contains("os error") && !e.what.contains(".tmp"), "{}", e.what);
        }
        assert_eq!(names(dir.path()), ["file"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_a_device_is_written_to() {
        let dir = folder();
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        fs::write(&real, "old").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        write_atomic(&link, b"new").unwrap();
        assert_eq!(read_text(&real).unwrap(), "new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        write_atomic(Path::new("/dev/null"), b"x").unwrap();
    }

    #[test]
    fn a_folder_is_replaced_whole() {
        let dir = folder();
        let out = dir.path().join("rtl");
        for round in ["one", "two"] {
            replace_dir(&out, "mark", |d| {
                write_atomic(&d.join("mark"), b"")?;
                write_atomic(&d.join(round), b"")
            })
            .unwrap();
            assert_eq!(names(&out), ["mark", round]);
        }
        assert_eq!(names(dir.path()), ["rtl"]);
    }

    #[test]
    fn a_failed_build_keeps_the_old_folder() {
        let dir = folder();
        let out = dir.path().join("rtl");
        fs::create_dir(&out).unwrap();
        fs::write(out.join("mark"), "old").unwrap();
        let e = replace_dir(&out, "mark", |d| {
            write_atomic(&d.join("mark"), b"new")?;
            Err(Diagnostic::new(Code::Interrupted, "interrupted"))
        })
        .unwrap_err();
        assert_eq!(e.code, Code::Interrupted);
        assert_eq!(read_text(&out.join("mark")).unwrap(), "old");
        assert_eq!(
            replace_dir(&out, "mark", |_| Ok(())).unwrap_err().code,
            Code::Unwritable
        );
        assert_eq!(names(dir.path()), ["rtl"]);
    }

    #[test]
    fn a_failed_exchange_brings_the_old_folder_back() {
        let dir = folder();
        let out = dir.path().join("rtl");
        fs::create_dir(&out).unwrap();
        fs::write(out.join("mark"), "old").unwrap();
        let (workshop, _) = workshop(&out).unwrap();
        let (_, kept) = exchange(workshop, &dir.path().join("never built"), &out, true).unwrap_err();
        assert_eq!(kept, None);
        assert_eq!(read_text(&out.join("mark")).unwrap(), "old");
        assert_eq!(names(dir.path()), ["rtl"]);
    }

    #[test]
    fn a_strangers_folder_is_not_replaced() {
        let dir = folder();
        let home = dir.path().join("home");
        fs::create_dir(&home).unwrap();
        fs::write(home.join("thesis.tex"), "").unwrap();
        let e = replace_dir(&home, "mark", |_| panic!("must not be built")).unwrap_err();
        assert_eq!(e.code, Code::Unwritable);
        assert_eq!(names(&home), ["thesis.tex"]);
        fs::write(dir.path().join("file"), "").unwrap();
        assert_eq!(
            replace_dir(&dir.path().join("file"), "mark", |_| Ok(()))
                .unwrap_err()
                .code,
            Code::Unwritable
        );
    }
}
