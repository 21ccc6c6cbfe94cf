//! The names of the arguments: those there are, those that come later, and what people write instead. Uses nothing of this crate.

use syn::Ident;

/// What to write where nothing better is known.
pub const EXAMPLE: &str = r#"expect_zero = "Session""#;

/// An argument and how it is written.
pub struct Form {
    /// Its name.
    pub name: &'static str,
    /// How it is written.
    pub example: &'static str,
    /// What to do instead, if it is not there yet.
    pub later: Option<&'static str>,
}

/// Every argument, in the order of the manual.
const FORMS: &[Form] = &[
    now("expect_zero", EXAMPLE),
    now("expect_at_most", r#"expect_at_most("Session" = 3)"#),
    now("unreachable", r#"unreachable = "allow""#),
    now("possibly", r#"possibly = "fail""#),
    now("max_live_bytes", r#"max_live_bytes = "64 KiB""#),
    now("iterations", GROWTH),
    now("warmup", GROWTH),
    now("max_growth", GROWTH),
    now("ignore", r#"ignore(type = "tracing::*", reason = "lives as long as the process")"#),
    now("settle", r#"settle = "1s""#),
    now("timeout", r#"timeout = "60s""#),
    now("unsupported", r#"unsupported = "skip""#),
    now("flavor", r#"flavor = "multi_thread""#),
    now("worker_threads", r#"flavor = "multi_thread", worker_threads = 4"#),
    now("start_paused", "start_paused = true"),
    now("harness", "harness = false"),
    now("crate", "crate = my_memleak"),
    later("expect_exactly", r#"for an upper limit write `expect_at_most("Session" = 3)`"#),
    later("max_peak_bytes", BUDGET),
    later("max_allocated_bytes", BUDGET),
    later("max_allocations", BUDGET),
    later("max_allocated", BUDGET),
];

const GROWTH: &str = r#"iterations = 20, warmup = 3, max_growth = "0""#;
const BUDGET: &str = "for the bytes that are left write `max_live_bytes = \"64 KiB\"`";

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

const fn now(name: &'static str, example: &'static str) -> Form {
    Form { name, example, later: None }
}

const fn later(name: &'static str, advice: &'static str) -> Form {
    Form { name, example: "", later: Some(advice) }
}

/// The argument of this name.
///
/// # Errors
/// When there is none, with the nearest.
pub fn find(name: &Ident) -> syn::Result<&'static Form> {
    by_name(&name.to_string()).ok_or_else(|| syn::Error::new(name.span(), unknown(&name.to_string())))
}

/// Whether an argument has this name, be it one that comes later.
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
        Some(Form { name: near, later: Some(_), .. }) => {
            format!("there is no argument `{name}`; the nearest is `{near}`, which cannot be used yet")
        }
        Some(form) => format!("there is no argument `{name}`: write `{}`", form.example),
        None => {
            let all: Vec<String> =
                FORMS.iter().filter(|form| form.later.is_none()).map(|form| format!("`{}`", form.name)).collect();
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
        matches!(self.name, "expect_at_most" | "ignore")
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
            "expect_at_most" => {
                format!("`{name}` is given twice: write one list, `expect_at_most(\"Session\" = 3, \"Conn\" = 1)`")
            }
            _ => format!("`{name}` is given twice: keep one of them"),
        }
    }
}
