//! The names of the arguments: those there are, and what people write instead. Uses nothing of this crate.

use syn::Ident;

/// What to write where nothing better is known.
pub const EXAMPLE: &str = r#"expect_zero = "Session""#;

/// An argument and how it is written.
pub struct Form {
    /// Its name.
    pub name: &'static str,
    /// How it is written.
    pub example: &'static str,
}

/// Every argument, in the order of the manual.
const FORMS: &[Form] = &[
    Form { name: "expect_zero", example: EXAMPLE },
    Form { name: "expect_at_most", example: r#"expect_at_most("Session" = 3)"# },
    Form { name: "expect_exactly", example: r#"expect_exactly("Session" = 3)"# },
    Form { name: "unreachable", example: r#"unreachable = "allow""# },
    Form { name: "possibly", example: r#"possibly = "fail""# },
    Form { name: "max_live_bytes", example: r#"max_live_bytes = "64 KiB""# },
    Form { name: "max_peak_bytes", example: r#"max_peak_bytes = "10 MB""# },
    Form { name: "max_allocated_bytes", example: r#"max_allocated_bytes = "1.5 MiB""# },
    Form { name: "max_allocations", example: "max_allocations = 1000" },
    Form { name: "max_allocated", example: r#"max_allocated("Session" = 10)"# },
    Form { name: "iterations", example: GROWTH },
    Form { name: "warmup", example: GROWTH },
    Form { name: "max_growth", example: GROWTH },
    Form { name: "ignore", example: r#"ignore(type = "tracing::*", reason = "lives as long as the process")"# },
    Form { name: "settle", example: r#"settle = "1s""# },
    Form { name: "timeout", example: r#"timeout = "60s""# },
    Form { name: "unsupported", example: r#"unsupported = "skip""# },
    Form { name: "flavor", example: r#"flavor = "multi_thread""# },
    Form { name: "worker_threads", example: r#"flavor = "multi_thread", worker_threads = 4"# },
    Form { name: "start_paused", example: "start_paused = true" },
    Form { name: "harness", example: "harness = false" },
    Form { name: "crate", example: "crate = my_memleak" },
];

const GROWTH: &str = r#"iterations = 20, warmup = 3, max_growth = "0""#;

/// What people write from habit, or by guess, and the argument they mean.
const HABITS: &[(&str, &str)] = &[
    ("expect_none", "expect_zero"),
    ("expect_no", "expect_zero"),
    ("expect_gone", "expect_zero"),
    ("expect_empty", "expect_zero"),
    ("expect_dropped", "expect_zero"),
    ("assert_zero", "expect_zero"),
    ("expect", "expect_zero"),
    ("expected", "expect_zero"),
    ("types", "expect_zero"),
    ("type", "expect_zero"),
    ("zero", "expect_zero"),
    ("none", "expect_zero"),
    ("expect_max", "expect_at_most"),
    ("at_most", "expect_at_most"),
    ("exactly", "expect_exactly"),
    ("max", "expect_at_most"),
    ("leaks", "unreachable"),
    ("lost", "unreachable"),
    ("cycles", "unreachable"),
    ("doubtful", "possibly"),
    ("uncertain", "possibly"),
    ("maybe", "possibly"),
    ("max_bytes", "max_live_bytes"),
    ("live_bytes", "max_live_bytes"),
    ("max_memory", "max_live_bytes"),
    ("budget", "max_live_bytes"),
    ("peak", "max_peak_bytes"),
    ("max_peak", "max_peak_bytes"),
    ("max_heap", "max_peak_bytes"),
    ("peak_bytes", "max_peak_bytes"),
    ("max_total_bytes", "max_allocated_bytes"),
    ("max_traffic", "max_allocated_bytes"),
    ("allocations", "max_allocations"),
    ("max_allocs", "max_allocations"),
    ("max_blocks", "max_allocations"),
    ("rounds", "iterations"),
    ("repeat", "iterations"),
    ("times", "iterations"),
    ("runs", "iterations"),
    ("warm_up", "warmup"),
    ("growth", "max_growth"),
    ("allow", "ignore"),
    ("except", "ignore"),
    ("exclude", "ignore"),
    ("known", "ignore"),
    ("suppress", "ignore"),
    ("wait", "settle"),
    ("grace", "settle"),
    ("delay", "settle"),
    ("deadline", "timeout"),
    ("time_limit", "timeout"),
    ("threads", "worker_threads"),
    ("workers", "worker_threads"),
    ("core_threads", "worker_threads"),
    ("runtime", "flavor"),
    ("paused", "start_paused"),
    ("krate", "crate"),
    ("crate_path", "crate"),
];

/// The argument of this name.
///
/// # Errors
/// When there is none, with the nearest.
pub fn find(name: &Ident) -> syn::Result<&'static Form> {
    by_name(&name.to_string()).ok_or_else(|| syn::Error::new(name.span(), unknown(&name.to_string())))
}

/// Whether an argument has this name.
pub fn is_known(name: &Ident) -> bool {
    by_name(&name.to_string()).is_some()
}

fn by_name(name: &str) -> Option<&'static Form> {
    FORMS.iter().find(|form| form.name == name)
}

fn unknown(name: &str) -> String {
    if matches!(name, "should_panic" | "ignored") {
        let attribute = name.trim_end_matches("ed");
        return format!(
            "`{name}` is not an argument: write `#[{attribute}]` as an attribute of its own, below this one"
        );
    }
    let meant = HABITS.iter().find(|(habit, _)| *habit == name).and_then(|(_, meant)| by_name(meant));
    match meant.or_else(|| nearest(name)) {
        Some(form) => format!("there is no argument `{name}`: write `{}`", form.example),
        None => {
            let all: Vec<String> = FORMS.iter().map(|form| format!("`{}`", form.name)).collect();
            format!("there is no argument `{name}`; there are {}", all.join(", "))
        }
    }
}

/// The argument that `name` is most likely a misspelling of.
fn nearest(name: &str) -> Option<&'static Form> {
    let distance = |form: &Form| strsim::damerau_levenshtein(form.name, name);
    let nearest = FORMS.iter().min_by_key(|form| distance(form))?;
    (distance(nearest) <= name.len().max(3) / 3).then_some(nearest)
}

impl Form {
    /// Whether it is written with parentheses.
    pub fn takes_list(&self) -> bool {
        matches!(self.name, "expect_at_most" | "expect_exactly" | "max_allocated" | "ignore")
    }

    /// Whether it may be given several times.
    pub fn repeats(&self) -> bool {
        self.name == "ignore"
    }

    /// The error for a value that is missing or has another shape.
    pub fn write_instead(&self, name: &Ident) -> syn::Error {
        let mut message = format!("`{name}` is written `{}`", self.example);
        if self.name == "ignore" {
            message += "; to leave the test out of a run, write `#[ignore]` below this attribute";
        }
        syn::Error::new(name.span(), message)
    }

    /// The error text for an argument that is there already.
    pub fn given_twice(&self) -> String {
        let name = self.name;
        match name {
            "expect_zero" => {
                format!("`{name}` is given twice: write one list, `expect_zero = [\"Session\", \"Conn\"]`")
            }
            "expect_at_most" | "expect_exactly" | "max_allocated" => {
                format!("`{name}` is given twice: write one list, `{name}(\"Session\" = 3, \"Conn\" = 1)`")
            }
            _ => format!("`{name}` is given twice: keep one of them"),
        }
    }
}
