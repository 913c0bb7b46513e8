//! Writes a report as text, JSON or CSV, with the labels that the page uses.

use clap::ValueEnum;
use fidelity_lab::metrics::{Fidelity, Generalisation};
use fidelity_lab::session::EvaluationReport;

/// Format of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Table for people
    Text,
    /// Report of the JavaScript API's `evaluate`
    Json,
    /// One row per network, with the columns that the page exports
    Csv,
}

/// Placeholder for a missing figure.
const NONE: &str = "–";

/// The figures of a network or of the ensemble.
struct Row<'a> {
    name: &'a str,
    role: &'static str,
    general: &'a Generalisation,
    fidelity: Option<&'a Fidelity>,
}

/// Returns the report in a format, with a final line break.
pub fn write(report: &EvaluationReport, format: Format) -> serde_json::Result<String> {
    match format {
        Format::Text => Ok(text(report)),
        Format::Json => serde_json::to_string_pretty(report).map(|text| text + "\n"),
        Format::Csv => Ok(csv(report)),
    }
}

/// Returns the rows of teachers, ensemble and students, in this order.
fn rows(report: &EvaluationReport) -> Vec<Row<'_>> {
    let teachers = report.teachers.iter().filter_map(|name| {
        let general = report.models.get(name)?;
        Some(Row {
            name,
            role: "teacher",
            general,
            fidelity: None,
        })
    });
    let ensemble = report.ensemble.iter().map(|general| Row {
        name: "ensemble",
        role: "ensemble",
        general,
        fidelity: None,
    });
    let students = report.models.iter().filter(|(name, _)| !report.teachers.contains(name));
    let students = students.map(|(name, general)| Row {
        name,
        role: "student",
        general,
        fidelity: report.students.get(name),
    });
    teachers.chain(ensemble).chain(students).collect()
}

fn text(report: &EvaluationReport) -> String {
    let header = [
        "Network",
        "",
        "Accuracy",
        "Top-5",
        "NLL",
        "ECE",
        "Agreement",
        "KL",
        "where right",
        "where wrong",
    ];
    let percent = |share: Option<f64>| share.map_or(NONE.into(), |share| format!("{:.2}%", 100.0 * share));
    let nats = |value: Option<f64>| value.map_or(NONE.into(), |value| format!("{value:.4}"));
    let body = rows(report).into_iter().map(|row| {
        let Generalisation {
            accuracy,
            top5_accuracy,
            nll,
            ece,
            ..
        } = row.general;
        [
            row.name.to_owned(),
            row.role.to_owned(),
            percent(*accuracy),
            percent(*top5_accuracy),
            nats(*nll),
            nats(*ece),
            percent(row.fidelity.map(|f| f.agreement)),
            nats(row.fidelity.map(|f| f.kl)),
            percent(row.fidelity.and_then(|f| f.agreement_teacher_right)),
            percent(row.fidelity.and_then(|f| f.agreement_teacher_wrong)),
        ]
    });
    let table: Vec<[String; 10]> = [header.map(str::to_owned)].into_iter().chain(body).collect();
    let width = |column: usize| {
        table
            .iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: [usize; 10] = std::array::from_fn(width);
    let mut text = String::new();
    for row in &table {
        let cells = row
            .iter()
            .zip(widths)
            .enumerate()
            .map(|(column, (cell, width))| match column {
                0 | 1 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            });
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text += &format!(
        "\nOver {} test images. NLL and KL in nats. Agreement and KL compare each student with the teachers' ensemble; the last two \
         columns are\nits agreement on images that the ensemble classifies correctly and on the others.\n",
        report.n_images
    );
    text
}

fn csv(report: &EvaluationReport) -> String {
    let header = "network,role,n_images,accuracy,top5_accuracy,nll,ece,agreement,agreement_teacher_right,agreement_teacher_wrong,kl_nats";
    let number = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
    let lines = rows(report).into_iter().map(|row| {
        let general = row.general;
        let figures = [
            general.accuracy,
            general.top5_accuracy,
            general.nll,
            general.ece,
            row.fidelity.map(|f| f.agreement),
            row.fidelity.and_then(|f| f.agreement_teacher_right),
            row.fidelity.and_then(|f| f.agreement_teacher_wrong),
            row.fidelity.map(|f| f.kl),
        ];
        let first = [quoted(row.name), row.role.to_owned(), report.n_images.to_string()];
        first
            .into_iter()
            .chain(figures.map(number))
            .collect::<Vec<_>>()
            .join(",")
    });
    // RFC 4180 demands CRLF, and the page writes it too.
    [header.to_owned()]
        .into_iter()
        .chain(lines)
        .map(|line| line + "\r\n")
        .collect()
}

fn quoted(cell: &str) -> String {
    if cell.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}
