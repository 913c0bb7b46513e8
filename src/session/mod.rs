//! A session's loaded networks, predictions and evaluations. It depends on burn, not on the browser.

mod evaluation;
mod gram;
mod images;
mod model;
mod prediction;

pub use evaluation::{Evaluation, EvaluationReport, Snapshot};
pub use gram::Gram;
pub use images::Images;
pub use model::{Model, ModelInfo, Models, same_classes};
pub use prediction::{Prediction, Predictions};
