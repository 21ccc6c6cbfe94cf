//! A generated workspace of crates that use memleak, and what cargo says of one of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One crate.
#[derive(Default)]
pub struct Project {
    /// Its name; the crates of one run differ in it.
    pub name: &'static str,
    /// Its edition.
    pub edition: &'static str,
    /// Its dependencies, in the syntax of Cargo.toml; `{memleak}` stands for the path of memleak.
    pub dependencies: &'static str,
    /// Whether some of them are not memleak's own dependencies, which are there already.
    pub downloads: bool,
    /// What the compiler is given besides.
    pub rustflags: &'static str,
    /// What the linker of the tests is given besides.
    pub link_argument: Option<&'static str>,
    /// What is in the environment besides.
    pub environment: Vec<(&'static str, PathBuf)>,
    /// Its integration tests.
    pub tests: Vec<PathBuf>,
    /// Whether these have a `main` of their own.
    pub own_main: bool,
    /// What its Cargo.toml says of the profile `test`.
    pub profile: &'static str,
}

/// What the compiler printed about one test of the crate.
pub struct Diagnostic {
    /// The test's name, which is that of its file.
    pub test: String,
    /// As a person would see it.
    pub text: String,
}

/// The root of memleak's repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

impl Project {
    /// Has cargo compile the tests of the crate, with `subcommand` (`check` or `clippy`), and gives everything it says about them.
    ///
    /// # Panics
    /// When the crate is not compiled at all: that is no answer.
    pub fn compile(&self, subcommand: &str) -> Vec<Diagnostic> {
        let (stdout, stderr) = self.cargo(&[subcommand, "--tests", "--keep-going", "--message-format=json"]);
        let mut reached = 0;
        let mut diagnostics = Vec::new();
        for line in stdout.lines() {
            let message: serde_json::Value = serde_json::from_str(line).expect("cargo writes JSON");
            let test = message["target"]["name"].as_str().unwrap_or_default();
            if message["target"]["kind"][0] != "test" || !self.tests.iter().any(|path| stem(path) == test) {
                continue;
            }
            if message["reason"] == "compiler-artifact" {
                reached += 1;
            }
            if message["reason"] == "compiler-message" {
                let text = message["message"]["rendered"].as_str().expect("rendered").to_owned();
                diagnostics.push(Diagnostic { test: test.to_owned(), text });
            }
        }
        assert!(reached > 0 || !diagnostics.is_empty(), "{}: no test was compiled:\n{stderr}", self.name);
        diagnostics
    }

    /// Runs the tests of the crate, and gives what the test harness says.
    ///
    /// # Panics
    /// When they do not run.
    pub fn run(&self) -> String {
        self.run_verbosely().0
    }

    /// The same, and what goes to stderr.
    pub fn run_verbosely(&self) -> (String, String) {
        let (stdout, stderr) = self.cargo(&["test", "--no-fail-fast", "--tests"]);
        assert!(stdout.contains("test result:"), "{}: no test ran:\n{stderr}", self.name);
        (stdout, stderr)
    }

    /// What cargo writes to stdout and stderr.
    fn cargo(&self, arguments: &[&str]) -> (String, String) {
        let output = Command::new(env!("CARGO"))
            .args(arguments)
            .args((!self.downloads).then_some("--offline"))
            .arg("--manifest-path")
            .arg(self.write())
            .arg("--target-dir")
            .arg(self.target_directory())
            .env("RUSTFLAGS", self.rustflags)
            .env("CARGO_TERM_COLOR", "never")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .output()
            .expect("cargo runs");
        let text = |bytes| String::from_utf8(bytes).expect("cargo writes UTF-8");
        (text(output.stdout), text(output.stderr))
    }

    /// Where cargo compiles it: where it has compiled the repository, with the dependencies that both have, unless all of them are compiled anew.
    fn target_directory(&self) -> PathBuf {
        let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
        if self.rustflags.is_empty() {
            temporary.parent().expect("the directory that it is in").to_owned()
        } else {
            temporary.join("compile")
        }
    }

    /// Writes the crate and returns the path of its manifest.
    fn write(&self) -> PathBuf {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("projects").join(self.name);
        let mut manifest = format!(
            "[workspace]\n[package]\nname = {:?}\nedition = {:?}\nautotests = false\n[lib]\npath = \"lib.rs\"\n[dev-dependencies]\n{}\n[profile.test]\n{}\n",
            self.name,
            self.edition,
            self.dependencies.replace("{memleak}", &format!("path = {:?}", repository())),
            self.profile,
        );
        for test in &self.tests {
            manifest.push_str(&format!(
                "[[test]]\nname = {:?}\npath = {test:?}\nharness = {}\n",
                stem(test),
                !self.own_main
            ));
        }
        let write = || -> std::io::Result<()> {
            fs::create_dir_all(&directory)?;
            fs::write(directory.join("lib.rs"), "")?;
            if let Some(argument) = self.link_argument {
                let script = format!("fn main() {{ println!(\"cargo:rustc-link-arg-tests={argument}\"); }}\n");
                fs::write(directory.join("build.rs"), script)?;
            }
            fs::write(directory.join("Cargo.toml"), manifest)?;
            // The same versions as memleak's own, which are there already.
            fs::copy(repository().join("Cargo.lock"), directory.join("Cargo.lock"))?;
            Ok(())
        };
        write().unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
        directory.join("Cargo.toml")
    }
}

/// What cargo calls the test of this file.
pub fn stem(path: &Path) -> String {
    let name = path.file_stem().expect("a file").to_str().expect("UTF-8");
    if name == "main" { path.parent().map(stem).expect("a directory") } else { name.to_owned() }
}
