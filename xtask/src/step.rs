//! Runs one step of work, and prints what it does and how long it took.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Runs `work`, and prints a line before and after it.
pub fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("> {what}");
    let start = Instant::now();
    let done = work().with_context(|| format!("{what}: failed after {}", seconds(start.elapsed())))?;
    println!("  {what}: {}", seconds(start.elapsed()));
    Ok(done)
}

/// Runs a program that writes to this terminal. Fails if the program does.
pub fn run(command: &mut Command) -> Result<()> {
    let line = describe(command);
    let status = command.status().with_context(|| format!("could not start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

/// Runs a program and returns its standard output.
pub fn output(command: &mut Command) -> Result<String> {
    let line = describe(command);
    let output = command.output().with_context(|| format!("could not start `{line}`"))?;
    if !output.status.success() {
        bail!(
            "`{line}` failed ({}): {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    String::from_utf8(output.stdout).with_context(|| format!("the output of `{line}` is not UTF-8"))
}

pub fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Stages that all run even if one fails, with a table of times at the end.
#[derive(Default)]
pub struct Stages {
    rows: Vec<Stage>,
}

struct Stage {
    name: String,
    took: Duration,
    failure: Option<String>,
}

impl Stages {
    /// Runs one stage. Returns its result, or `None` if it failed.
    pub fn run<T>(&mut self, name: &str, work: impl FnOnce() -> Result<T>) -> Option<T> {
        println!("\n== {name}");
        let start = Instant::now();
        let result = work();
        let failure = result.as_ref().err().map(|error| format!("{error:#}"));
        if let Some(failure) = &failure {
            eprintln!("error: {failure}");
        }
        self.rows.push(Stage {
            name: name.to_owned(),
            took: start.elapsed(),
            failure,
        });
        result.ok()
    }

    /// Records a stage that could not run because an earlier one failed.
    pub fn skip(&mut self, name: &str, why: &str) {
        println!("\n== {name}\nnot run: {why}");
        self.rows.push(Stage {
            name: name.to_owned(),
            took: Duration::ZERO,
            failure: Some(format!("not run: {why}")),
        });
    }

    /// Prints the table. Returns an error if any stage failed.
    pub fn finish(self) -> Result<()> {
        let width = self.rows.iter().map(|stage| stage.name.len()).max().unwrap_or(0);
        println!("\nSeconds per stage:");
        for stage in &self.rows {
            let verdict = if stage.failure.is_some() { "FAILED" } else { "ok" };
            println!("  {:width$}  {:>9}  {verdict}", stage.name, seconds(stage.took));
        }
        let total = self.rows.iter().map(|stage| stage.took).sum();
        println!("  {:width$}  {:>9}", "total", seconds(total));
        let failures: Vec<String> = self
            .rows
            .iter()
            .filter_map(|stage| {
                stage
                    .failure
                    .as_ref()
                    .map(|failure| format!("  {}: {failure}", stage.name))
            })
            .collect();
        if !failures.is_empty() {
            bail!(
                "{} of {} stages failed\n{}",
                failures.len(),
                self.rows.len(),
                failures.join("\n")
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_runs_and_the_failed_ones_are_listed() {
        let mut stages = Stages::default();
        assert!(stages.run("first", || -> Result<()> { bail!("broken") }).is_none());
        assert_eq!(stages.run("second", || Ok(7)), Some(7));
        stages.skip("third", "the first failed");
        let message = stages.finish().unwrap_err().to_string();
        assert!(message.starts_with("2 of 3 stages failed"), "{message}");
        assert!(
            message.contains("first: broken") && message.contains("third: not run: the first failed"),
            "{message}"
        );
    }

    #[test]
    fn a_failing_program_is_named() {
        let error = run(Command::new("cargo")
            .args(["no-such-command-of-cargo"])
            .stderr(std::process::Stdio::null()));
        let message = error.unwrap_err().to_string();
        assert!(message.contains("`cargo no-such-command-of-cargo` failed"), "{message}");
    }
}
