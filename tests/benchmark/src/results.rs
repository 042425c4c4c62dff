//! What a run of the benchmark found: the JSON between measuring and showing.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::{contender::Run, machine::Machine};

/// All that was measured in one run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Results {
    /// Where.
    pub(crate) machine: Machine,
    /// What each contender says of its version.
    pub(crate) versions: BTreeMap<String, String>,
    /// One for each fixture, scenario and contender, in the order of the table.
    pub(crate) rows: Vec<Row>,
}

/// One contender in one scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    /// Name of the fixture.
    pub(crate) fixture: String,
    /// Name of the scenario.
    pub(crate) scenario: String,
    /// Name of the contender.
    pub(crate) contender: String,
    /// What it took; `None` if it failed.
    pub(crate) measured: Option<Summary>,
    /// Why it failed.
    pub(crate) failed: Option<String>,
}

/// Several runs of one thing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Summary {
    /// Wall clock of each run, milliseconds, ascending.
    pub(crate) wall: Vec<f64>,
    /// Their median.
    pub(crate) median: f64,
    /// The least of them.
    pub(crate) min: f64,
    /// Median of user and system time, milliseconds.
    pub(crate) cpu: f64,
    /// Highest peak of resident memory, MiB.
    pub(crate) peak: f64,
    /// Requests for packuments in the last run.
    pub(crate) packuments: u64,
    /// Requests for tarballs in the last run.
    pub(crate) tarballs: u64,
}

impl Summary {
    /// Of these runs; `None` of none.
    pub(crate) fn of(runs: &[Run]) -> Option<Self> {
        let (packuments, tarballs) = runs.last()?.requests;
        let sorted = |of: fn(&Run) -> f64| {
            let mut values: Vec<f64> = runs.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let wall = sorted(|run| run.wall);
        Some(Self {
            median: median(&wall),
            min: wall[0],
            cpu: median(&sorted(|run| run.cpu)),
            peak: *sorted(|run| run.peak).last()?,
            packuments,
            tarballs,
            wall,
        })
    }
}

impl Results {
    /// Reads what was written.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read(path).with_context(|| format!("{}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{}", path.display()))
    }

    /// Adds the rows of another run on the same machine; a row that both have is the later one's.
    ///
    /// # Errors
    /// If it is another machine, or a contender was of another version: such figures do not stand beside each other.
    pub(crate) fn join(&mut self, other: Self) -> Result<()> {
        ensure!(self.machine == other.machine, "{} and {}", self.machine.describe(), other.machine.describe());
        for (name, version) in &other.versions {
            let own = self.versions.get(name).unwrap_or(version);
            ensure!(own == version, "{name}: {own} and {version}");
        }
        self.versions.extend(other.versions);
        for row in other.rows {
            self.put(row);
        }
        Ok(())
    }

    /// Writes all there is so far, so that a run that is cut off leaves something.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let staged = path.with_extension("json.tmp");
        fs::write(&staged, serde_json::to_vec_pretty(self)?)?;
        fs::rename(staged, path).with_context(|| format!("{}", path.display()))
    }

    /// Puts a row in the place of its predecessor, or at the end.
    pub(crate) fn put(&mut self, row: Row) {
        let same = |other: &&mut Row| {
            (&other.fixture, &other.scenario, &other.contender) == (&row.fixture, &row.scenario, &row.contender)
        };
        match self.rows.iter_mut().find(same) {
            Some(old) => *old = row,
            None => self.rows.push(row),
        }
    }

    /// What a contender took.
    pub(crate) fn find(&self, fixture: &str, scenario: &str, contender: &str) -> Option<&Row> {
        let row = |row: &&Row| (&*row.fixture, &*row.scenario, &*row.contender) == (fixture, scenario, contender);
        self.rows.iter().find(row)
    }

    /// Median of a contender, milliseconds.
    pub(crate) fn median(&self, fixture: &str, scenario: &str, contender: &str) -> Option<f64> {
        Some(self.find(fixture, scenario, contender)?.measured.as_ref()?.median)
    }

    /// Fewest timed rounds of a fixture's rows that did not fail.
    pub(crate) fn rounds(&self, fixture: &str) -> usize {
        let measured = self.rows.iter().filter(|row| row.fixture == fixture).filter_map(|row| row.measured.as_ref());
        measured.map(|summary| summary.wall.len()).min().unwrap_or_default()
    }

    /// Names of a column, each once, in the order of the rows.
    pub(crate) fn names(&self, of: impl Fn(&Row) -> &str) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for name in self.rows.iter().map(of) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

fn median(sorted: &[f64]) -> f64 {
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[half] } else { f64::midpoint(sorted[half - 1], sorted[half]) }
}

#[cfg(test)]
mod tests;
