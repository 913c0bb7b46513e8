//! The work of a session: loaded networks, predictions, evaluations. Knows burn, not the browser.

mod compute;
mod evaluation;
mod evaluator;
mod gram;
mod images;
mod model;
#[cfg(feature = "cuda")]
mod plain;
mod prediction;
mod read;

pub use compute::{ComputeDevice, Executor};
pub use evaluation::{Evaluation, EvaluationReport, Snapshot};
pub use evaluator::Evaluator;
pub use gram::Gram;
pub use images::{Images, upload_images};
pub use model::{Model, ModelInfo, Models, same_classes};
pub use prediction::{Prediction, Predictions};
pub use read::read;
