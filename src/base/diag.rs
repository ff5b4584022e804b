//! Errors as a user meets them: a stable code, what happened, where, what was expected, what to do next.

use std::fmt;

/// A stable error code; `naas explain CODE` prints [`Code::explanation`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// A file cannot be read or parsed at all.
    Unreadable,
    /// A file is well formed but says something impossible.
    Malformed,
    /// A network holds an operator or type that the program does not support.
    Unsupported,
    /// A size is zero, or a product of sizes overflows.
    BadSize,
    /// A name is not known.
    UnknownName,
    /// Options contradict each other or lack a value.
    Usage,
    /// No legal mapping exists on this accelerator or within these resources.
    NoLegalMapping,
    /// An accelerator is inconsistent in itself.
    BadAccelerator,
    /// A given mapping is illegal on its accelerator.
    IllegalMapping,
    /// A design file and what was generated from it do not belong together.
    HashMismatch,
    /// An output cannot be written.
    Unwritable,
    /// Simulated bits, cycles or counters differ from the prediction.
    CheckFailed,
    /// An outside tool is missing.
    ToolMissing,
    /// An outside tool failed.
    ToolFailed,
    /// The user interrupted the run.
    Interrupted,
}

impl Code {
    /// Every code, in the order of their numbers.
    pub const ALL: [Self; 15] = [
        Self::Unreadable,
        Self::Malformed,
        Self::Unsupported,
        Self::BadSize,
        Self::UnknownName,
        Self::Usage,
        Self::NoLegalMapping,
        Self::BadAccelerator,
        Self::IllegalMapping,
        Self::HashMismatch,
        Self::Unwritable,
        Self::CheckFailed,
        Self::ToolMissing,
        Self::ToolFailed,
        Self::Interrupted,
    ];

    /// The code as printed, such as `E0101`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "E0101",
            Self::Malformed => "E0102",
            Self::Unsupported => "E0103",
            Self::BadSize => "E0104",
            Self::UnknownName => "E0105",
            Self::Usage => "E0106",
            Self::NoLegalMapping => "E0201",
            Self::BadAccelerator => "E0202",
            Self::IllegalMapping => "E0203",
            Self::HashMismatch => "E0204",
            Self::Unwritable => "E0205",
            Self::CheckFailed => "E0301",
            Self::ToolMissing => "E0401",
            Self::ToolFailed => "E0402",
            Self::Interrupted => "E0501",
        }
    }

    /// The process's exit status: 1 a check failed, 2 bad usage or input, 3 an outside tool, 130 interrupted.
    #[must_use]
    pub const fn exit_status(self) -> u8 {
        match self {
            Self::CheckFailed => 1,
            Self::ToolMissing | Self::ToolFailed => 3,
            Self::Interrupted => 130,
            _ => 2,
        }
    }

    /// A paragraph on what causes the error and what to do about it.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::Unreadable => {
                "The file does not exist, cannot be opened, or ends before its format says it should. A truncated download \
                 is the usual cause: compare the file's size with its source, and fetch or export it again."
            }
            Self::Malformed => {
                "The file can be read, but its content contradicts itself or the format: a member that is missing, of the \
                 wrong type or unknown, or tensors whose shapes do not fit. The message names the place. Formats are \
                 described in docs/formats.md."
            }
            Self::Unsupported => {
                "The network uses an operator, type or option that this version does not run. The message names the layer. \
                 Networks whose multiply-accumulate layers are known can still be searched from a workload .json file."
            }
            Self::BadSize => {
                "A dimension is zero, or sizes multiply to more than the program's integers (and any real accelerator) can \
                 hold. Check the layer that the message names."
            }
            Self::UnknownName => {
                "The name is neither a file nor one that the program carries. `naas list networks`, `naas list resources`, \
                 `naas list technologies` and `naas list methods` print what there is."
            }
            Self::Usage => {
                "The command line contradicts itself. `naas COMMAND --help` prints the options with examples."
            }
            Self::NoLegalMapping => {
                "Some layer cannot run on the accelerator, or no accelerator within the resources can run every layer. The \
                 message names the layer, the limit that stands in the way, and by how much it is missed. Raise that limit \
                 in the resource file, or give the accelerator larger buffers."
            }
            Self::BadAccelerator => {
                "The accelerator contradicts the rules of the hardware template (docs/hardware.md), for example lanes that \
                 neither divide nor are divided by an axis. Every violated rule is listed in the message."
            }
            Self::IllegalMapping => {
                "The mapping does not fit its accelerator: a tile overflows a buffer, or an extent is not a multiple of the \
                 lanes. Every violated rule is listed in the message. `naas map` finds legal mappings."
            }
            Self::HashMismatch => {
                "A design carries a hash over its accelerator, and every control table carries the hash of the design that \
                 it was compiled for. They differ, so the file was edited or mixed with another. Generate the folder again."
            }
            Self::Unwritable => {
                "The output cannot be created: a folder is missing, permission is denied, or the disk is full. Nothing was \
                 left half-written: outputs are written beside their place and moved into it when complete."
            }
            Self::CheckFailed => {
                "The simulation ran, and its result differs from the prediction in bits, cycles or counters. The first \
                 difference is printed with its layer and coordinates. If the folder was not edited, this is a defect of \
                 naas: please report it with the design file."
            }
            Self::ToolMissing => {
                "A program that this command needs is not installed. `make setup` installs all of them."
            }
            Self::ToolFailed => "An outside program was started and failed; the end of what it printed is shown.",
            Self::Interrupted => {
                "The run was interrupted. Nothing was left half-written; where the command writes checkpoints, `--resume` \
                 continues from the last one with the same result as an uninterrupted run."
            }
        }
    }

    /// The code that prints as `text`, if there is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.as_str().eq_ignore_ascii_case(text))
    }
}

/// One error, ready to be shown to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable code.
    pub code: Code,
    /// What happened, in one sentence without a full stop.
    pub what: String,
    /// File, layer, member or option.
    pub place: Option<String>,
    /// What would have been right.
    pub expected: Option<String>,
    /// What the user can do next.
    pub next: Option<String>,
}

impl Diagnostic {
    /// An error of which only the fact is known.
    pub fn new(code: Code, what: impl Into<String>) -> Self {
        Self {
            code,
            what: what.into(),
            place: None,
            expected: None,
            next: None,
        }
    }

    /// Adds where it happened.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// Adds what would have been right.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// Adds the user's next step.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}", self.code.as_str(), self.what)?;
        for (label, text) in [("at", &self.place), ("expected", &self.expected), ("next", &self.next)] {
            if let Some(text) = text {
                write!(f, "\n  {label}: {text}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostic {}

/// Result of whatever can fail in a way that a user must hear of.
pub type Result<T> = std::result::Result<T, Diagnostic>;
