//! The training run behind `fidelity train` and `fidelity distil`: epochs with their figures, files and checkpoints.

use std::cell::OnceCell;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use clap::Args;
use fidelity_lab::architecture::Architecture;
use fidelity_lab::data::IMAGE_BYTES;
use fidelity_lab::data::cifar::{N_FINE, Records};
use fidelity_lab::device::ComputeDevice;
use fidelity_lab::device::native::{Kind, NativeDevice};
use fidelity_lab::distil::{Preset, Step, Training, start};
use fidelity_lab::session::{Evaluation, Images, Model, ModelInfo};
use fidelity_lab::weights::{Network, Normalisation, Precision, Role};
use indicatif::{ProgressBar, ProgressStyle};
use pollster::block_on;
use serde_json::{Map, Value, json};

use crate::data::DataArguments;
use crate::device::DeviceArguments;
use crate::events::EventFile;
use crate::files::{Files, stem};
use crate::settings::Effective;
use crate::{interrupt, networks, output};

/// Steps between two read-backs of figures.
const STEPS_PER_READ: usize = 50;
/// Batch size of evaluations.
const EVALUATION_BATCH: usize = 250;
/// Number of training images, from the start, on which a finished student is compared with its teachers.
const N_TRAIN_AGREEMENT: usize = 10_000;
/// Time between two checkpoints within an epoch.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(300);
/// Default depth, with a third of the work of the paper's 56.
const DEFAULT_DEPTH: usize = 20;

/// Flags for the files, data and device of a run.
#[derive(Args)]
pub struct RunArguments {
    /// Network to write, as NAME.safetensors. NAME.toml, NAME.jsonl, NAME.events and, during the run, NAME.checkpoint go beside it.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// TOML file with settings, named like the flags. Flags override it.
    #[arg(long, value_name = "FILE")]
    pub settings: Option<PathBuf>,
    /// Continue from NAME.checkpoint with the settings of NAME.toml, and end with the network of an uninterrupted run.
    #[arg(long, conflicts_with = "settings")]
    pub resume: bool,
    #[command(flatten)]
    pub data: DataArguments,
    #[command(flatten)]
    pub device: DeviceArguments,
}

/// A run with its files and the images that measure it.
struct Run {
    files: Files,
    training: Training,
    steps_per_epoch: u32,
    epochs: u32,
    eval_every: u32,
    /// Empty if the run trains on labels.
    teachers: Vec<Rc<Model>>,
    test: Images,
    /// Training images without augmentation.
    train: Images,
    /// Log-probabilities of the ensemble on the test images, once they are measured.
    ensemble: OnceCell<Rc<Vec<f64>>>,
    device: NativeDevice,
    events: EventFile,
    bar: ProgressBar,
}

/// Sums over the steps of an epoch.
#[derive(Default)]
struct Sums {
    loss: f64,
    floor: f64,
    agreement: f64,
    learning_rate: f64,
    n_steps: u32,
}

/// Returns the file with the run's settings, if there is one.
///
/// # Errors
/// If --out is not NAME.safetensors, or --resume finds no checkpoint.
pub fn settings_file(arguments: &RunArguments) -> Result<Option<PathBuf>> {
    if arguments.resume {
        let files = Files::beside(&arguments.out)?;
        files.check(true)?;
        Ok(Some(files.settings))
    } else {
        Ok(arguments.settings.clone())
    }
}

/// Trains a network and writes all of its files.
///
/// # Errors
/// If settings, data or device are unusable, a file cannot be written, or Ctrl-C stops the run.
pub fn run(arguments: RunArguments, mut effective: Effective) -> Result<()> {
    let files = Files::beside(&arguments.out)?;
    files.check(arguments.resume)?;
    let teachers = teachers(&effective)?;
    let init = effective.settings.init.as_deref().map(networks::read).transpose()?;
    let architecture = architecture(&effective, init.as_ref(), &teachers)?;
    let preset = effective.complete(architecture.depth, architecture.is_bottleneck());

    let records = training_part(&arguments.data, &effective)?;
    let test = arguments.data.test_set()?;
    let test = Images::new(test.pixels, Some(test.fine))?;
    let images = Images::new(records.pixels, Some(records.fine))?;
    let device = arguments.device.open()?;
    let compute = device.trainable()?;
    interrupt::watch()?;

    let models: Vec<Rc<Model>> = teachers
        .iter()
        .map(|teacher| {
            let info = ModelInfo::new(teacher, Role::Teacher);
            Ok(Rc::new(Model::new(info, teacher, &teacher.state, &compute)?))
        })
        .collect::<Result<_>>()?;
    let mut recipe = preset.recipe(images.n_images());
    let near = effective.distil.as_ref().and_then(|distil| distil.start_near);
    if let Some(lambda) = near {
        recipe.learning_rate = start::scaled_learning_rate(recipe.learning_rate, lambda);
        recipe.last_learning_rate = recipe.last_learning_rate.min(recipe.learning_rate);
    }
    let source = match init {
        Some(network) => network,
        None => source(architecture, recipe.seed, near, &teachers, &images, &compute)?,
    };
    let info = ModelInfo::new(&source, Role::Student);
    let (n_images, batch_size) = (images.n_images(), recipe.batch_size as usize);
    let train = Images::new(images.pixels(0, n_images.min(N_TRAIN_AGREEMENT)).to_vec(), None)?;
    let training = if models.is_empty() {
        Training::on_labels(recipe, &source, &info, images, &compute)?
    } else {
        Training::distilling(recipe, &source, &info, models.clone(), images, &compute)?
    };
    let training = if arguments.resume {
        training.resume(&networks::read_file(&files.checkpoint)?)?
    } else {
        training
    };
    output::write(&files.settings, effective.text()?.as_bytes())?;
    let steps_done = u64::from(training.steps_done());
    let bar = progress(
        &files.name,
        u64::from(training.total_steps()) * batch_size.min(n_images) as u64,
    )?;
    bar.set_position(steps_done * batch_size.min(n_images) as u64);
    bar.reset_eta();
    let seconds = seconds_since_1970();
    let events = EventFile::create(&files.events, &format!("step{steps_done}"), seconds)
        .with_context(|| format!("could not write {}", files.events.display()))?;
    let mut run = Run {
        steps_per_epoch: preset.steps_per_epoch(n_images),
        epochs: preset.epochs,
        eval_every: effective.eval_every(),
        teachers: models,
        ensemble: OnceCell::new(),
        files,
        training,
        test,
        train,
        device,
        events,
        bar,
    };
    run.train(&effective, &preset)
}

impl Run {
    fn is_distillation(&self) -> bool {
        !self.teachers.is_empty()
    }

    fn train(&mut self, effective: &Effective, preset: &Preset) -> Result<()> {
        let first = self.training.steps_done() / self.steps_per_epoch;
        let mut log = self.kept_log(first)?;
        let mut test = None;
        for epoch in first + 1..=self.epochs {
            let began = Instant::now();
            let sums = self.epoch(epoch)?;
            let seconds = began.elapsed().as_secs_f64();
            let is_last = epoch == self.epochs;
            test = if is_last || epoch.is_multiple_of(self.eval_every) {
                Some(self.measure()?)
            } else {
                None
            };
            let row = self.row(epoch, &sums, seconds, test.as_ref());
            self.bar.println(text(&row, self.epochs));
            if self.bar.is_hidden() {
                output::print(&(text(&row, self.epochs) + "\n"))?;
            }
            self.record(&row)?;
            writeln!(log, "{row}")?;
            output::write(&self.files.log, log.as_bytes())?;
            self.save_checkpoint()?;
            if interrupt::has_come() && !is_last {
                return self.stopped();
            }
        }
        self.bar.finish_and_clear();
        let mut test = match test {
            Some(test) => test,
            None => self.measure()?,
        };
        if let Some(agreement) = self.train_agreement()? {
            test.insert("trainAgreement".into(), agreement.into());
        }
        let network = self.finished(effective, preset, &test)?;
        output::write(&self.files.network, &network.to_safetensors(Precision::F32)?)?;
        std::fs::remove_file(&self.files.checkpoint)
            .with_context(|| format!("could not remove {}", self.files.checkpoint.display()))?;
        output::print(&format!("{}: {}\n", self.files.network.display(), Value::from(test)))
    }

    /// Runs the remaining steps of an epoch.
    fn epoch(&mut self, epoch: u32) -> Result<Sums> {
        let mut sums = Sums::default();
        let mut saved = Instant::now();
        while self.training.steps_done() < epoch * self.steps_per_epoch {
            let left = epoch * self.steps_per_epoch - self.training.steps_done();
            let n_steps = STEPS_PER_READ.min(left as usize);
            if self.device.kind != Kind::Cpu {
                block_on(self.training.answer_ahead(n_steps))?;
                self.device.check()?;
            }
            for _ in 0..n_steps {
                block_on(self.training.step_unread())?;
                self.device.check()?;
                self.bar.inc(self.training.batch_size() as u64);
                if interrupt::has_come() {
                    break;
                }
            }
            for step in block_on(self.training.measured())? {
                sums.add(&step);
            }
            self.bar.set_message(format!(
                "epoch {epoch}/{}, loss {:.3}",
                self.epochs,
                sums.mean(sums.loss)
            ));
            let is_complete = self.training.steps_done() == epoch * self.steps_per_epoch;
            if interrupt::has_come() && !is_complete {
                self.save_checkpoint()?;
                self.stopped()?;
            }
            if saved.elapsed() > CHECKPOINT_EVERY && !is_complete {
                self.save_checkpoint()?;
                saved = Instant::now();
            }
        }
        Ok(sums)
    }

    fn stopped(&self) -> Result<()> {
        self.bar.abandon();
        bail!(
            "stopped after {} of {} steps; --resume continues from {}",
            self.training.steps_done(),
            self.training.total_steps(),
            self.files.checkpoint.display()
        )
    }

    fn save_checkpoint(&self) -> Result<()> {
        output::write(&self.files.checkpoint, &block_on(self.training.checkpoint())?)
    }

    /// Returns the log's lines up to the epoch of the checkpoint.
    fn kept_log(&self, n_epochs: u32) -> Result<String> {
        if n_epochs == 0 || !self.files.log.exists() {
            return Ok(String::new());
        }
        let log = networks::read_file(&self.files.log)?;
        let log = String::from_utf8_lossy(&log).into_owned();
        let is_kept = |line: &&str| {
            let row: Option<Value> = serde_json::from_str(line).ok();
            row.and_then(|row| row["epoch"].as_u64())
                .is_some_and(|epoch| epoch <= n_epochs.into())
        };
        Ok(log.lines().filter(is_kept).flat_map(|line| [line, "\n"]).collect())
    }

    /// Runs an evaluation to its end.
    fn evaluation(&self, mut evaluation: Evaluation) -> Result<Evaluation> {
        while block_on(evaluation.advance())? < evaluation.n_images() {
            self.device.check()?;
        }
        Ok(evaluation)
    }

    /// Measures the agreement of student and teachers on training images without augmentation.
    fn train_agreement(&self) -> Result<Option<f64>> {
        if !self.is_distillation() {
            return Ok(None);
        }
        let student = Rc::new(block_on(self.training.model())?);
        let evaluation = Evaluation::new(
            self.teachers.clone(),
            vec![student],
            self.train.clone(),
            EVALUATION_BATCH,
        )?;
        let report = self.evaluation(evaluation)?.report();
        let (_, fidelity) = report.student(self.training.student_name())?;
        Ok(fidelity.map(|fidelity| fidelity.agreement))
    }

    /// Measures the current network on the test set.
    fn measure(&self) -> Result<Map<String, Value>> {
        let model = Rc::new(block_on(self.training.model())?);
        let (students, images) = (vec![model], self.test.clone());
        let evaluation = match self.ensemble.get() {
            Some(ensemble) => Evaluation::against(ensemble.clone(), students, images, EVALUATION_BATCH)?,
            None => Evaluation::new(self.teachers.clone(), students, images, EVALUATION_BATCH)?,
        };
        let evaluation = self.evaluation(evaluation)?;
        let report = evaluation.report();
        if self.ensemble.get().is_none()
            && let Some(log_probs) = evaluation.into_ensemble()
        {
            _ = self.ensemble.set(Rc::new(log_probs));
        }
        let mut figures = Map::new();
        let (general, fidelity) = report.student(self.training.student_name())?;
        figures.insert("accuracy".into(), general.accuracy.into());
        figures.insert("top5Accuracy".into(), general.top5_accuracy.into());
        figures.insert("nll".into(), general.nll.into());
        figures.insert("ece".into(), general.ece.into());
        if let Some(fidelity) = fidelity {
            figures.insert("agreement".into(), fidelity.agreement.into());
            figures.insert("kl".into(), fidelity.kl.into());
        }
        Ok(figures)
    }

    fn row(&self, epoch: u32, sums: &Sums, seconds: f64, test: Option<&Map<String, Value>>) -> Value {
        let n_images = f64::from(sums.n_steps) * self.training.batch_size() as f64;
        let mut row = json!({
            "epoch": epoch,
            "step": self.training.steps_done(),
            "loss": sums.mean(sums.loss),
            "learningRate": sums.learning_rate,
            "seconds": seconds,
            "imagesPerSecond": n_images / seconds,
        });
        if self.is_distillation() {
            row["lossFloor"] = sums.mean(sums.floor).into();
            row["trainAgreement"] = sums.mean(sums.agreement).into();
        } else {
            row["trainAccuracy"] = sums.mean(sums.agreement).into()
        }
        if sums.n_steps < self.steps_per_epoch {
            // The epoch was interrupted, so the figures cover only the steps after that.
            row["steps"] = sums.n_steps.into();
        }
        if let Some(test) = test {
            row["test"] = Value::from(test.clone());
        }
        row
    }

    fn record(&mut self, row: &Value) -> Result<()> {
        let figures = |prefix: &str, row: &Value| -> Vec<(String, f64)> {
            let known = row.as_object().into_iter().flatten();
            known
                .filter(|(key, _)| !["epoch", "step", "seconds", "steps"].contains(&key.as_str()))
                .filter_map(|(key, value)| Some((format!("{prefix}/{key}"), value.as_f64()?)))
                .collect()
        };
        let values = [figures("train", row), figures("test", &row["test"])].concat();
        let values: Vec<(&str, f64)> = values.iter().map(|(tag, value)| (tag.as_str(), *value)).collect();
        let step = self.training.steps_done().into();
        self.events
            .scalars(step, seconds_since_1970(), &values)
            .with_context(|| format!("could not write {}", self.files.events.display()))
    }

    /// Returns the network with a provenance: trainer, settings, start, images and test figures, but no paths.
    fn finished(&self, effective: &Effective, preset: &Preset, test: &Map<String, Value>) -> Result<Network> {
        let mut network = block_on(self.training.network(&self.files.name))?;
        let mut provenance: Value = match &network.provenance {
            Some(text) => serde_json::from_str(text)?,
            None => json!({}),
        };
        let settings = &effective.settings;
        let near = effective.distil.as_ref().and_then(|distil| distil.start_near);
        provenance["trainer"] = concat!("fidelity ", env!("CARGO_PKG_VERSION")).into();
        if let Some(commit) = option_env!("FIDELITY_COMMIT") {
            provenance["commit"] = commit.into();
        }
        provenance["device"] = self.device.kind.name().into();
        provenance["epochs"] = preset.epochs.into();
        provenance["smallEpochs"] = preset.small_epochs.into();
        provenance["preset"] = json!(settings.preset);
        provenance["start"] = match (&settings.init, near) {
            (Some(path), _) => stem(path).into(),
            (None, Some(lambda)) => json!({ "nearTeacher": lambda }),
            (None, None) => "random".into(),
        };
        provenance["trainingImages"] = json!({ "limit": settings.limit, "split": settings.split });
        provenance["test"] = Value::from(test.clone());
        network.provenance = Some(provenance.to_string());
        Ok(network)
    }
}

impl Sums {
    fn add(&mut self, step: &Step) {
        self.loss += step.loss;
        self.floor += step.loss_floor;
        self.agreement += step.agreement;
        self.learning_rate = step.learning_rate;
        self.n_steps += 1;
    }

    fn mean(&self, sum: f64) -> f64 {
        sum / f64::from(self.n_steps.max(1))
    }
}

fn teachers(effective: &Effective) -> Result<Vec<Network>> {
    let Some(distil) = &effective.distil else {
        return Ok(Vec::new());
    };
    let files = distil.teachers.as_deref().unwrap_or_default();
    if files.is_empty() {
        bail!("no teachers given; name one or more networks with --teachers");
    }
    let teachers: Vec<Network> = files
        .iter()
        .map(|path| {
            let name = stem(path);
            Ok(Network {
                name,
                ..networks::read(path)?
            })
        })
        .collect::<Result<_>>()?;
    match teachers.iter().find(|teacher| teacher.architecture.n_classes != N_FINE) {
        Some(other) => bail!(
            "`{}` is a {}, but must have CIFAR-100's {N_FINE} classes",
            other.name,
            other.architecture
        ),
        None => Ok(teachers),
    }
}

/// Returns the architecture of --init, or else that of --depth, of the first teacher or of the default depth, in this order.
fn architecture(effective: &Effective, init: Option<&Network>, teachers: &[Network]) -> Result<Architecture> {
    let depth = effective.settings.depth;
    if let Some(init) = init {
        let architecture = init.architecture.clone();
        if architecture.n_classes != N_FINE || depth.is_some_and(|depth| depth != architecture.depth) {
            bail!("--init is a {architecture}, but must have {N_FINE} classes and the depth given by --depth");
        }
        return Ok(architecture);
    }
    let of_teacher = teachers.first().map(|teacher| teacher.architecture.depth);
    Ok(Architecture::new(
        depth.or(of_teacher).unwrap_or(DEFAULT_DEPTH),
        N_FINE,
    )?)
}

fn training_part(data: &DataArguments, effective: &Effective) -> Result<Records> {
    let records = data.training_set()?;
    let n = records.fine.len().min(effective.settings.limit.unwrap_or(usize::MAX));
    let range = effective.part().range(n);
    let bytes = range.start * IMAGE_BYTES..range.end * IMAGE_BYTES;
    Ok(Records {
        pixels: records.pixels.get(bytes).unwrap_or_default().to_vec(),
        fine: records.fine.get(range.clone()).unwrap_or_default().to_vec(),
        coarse: records.coarse.get(range).unwrap_or_default().to_vec(),
    })
}

/// Returns the network to start from: random, or near the first teacher.
fn source(
    architecture: Architecture,
    seed: u32,
    near: Option<f64>,
    teachers: &[Network],
    images: &Images,
    compute: &ComputeDevice,
) -> Result<Network> {
    let normalisation = teachers
        .first()
        .map_or_else(Normalisation::default, |teacher| teacher.normalisation.clone());
    let random = start::random("random", architecture, normalisation, seed);
    match (near, teachers.first()) {
        (Some(lambda), Some(teacher)) => {
            let mixed = start::between(teacher, &random, lambda)?;
            Ok(block_on(start::estimate_statistics(&mixed, images, compute))?)
        }
        _ => Ok(random),
    }
}

fn text(row: &Value, epochs: u32) -> String {
    let mut line = format!("epoch {}/{epochs}", row["epoch"]);
    let test = |key: &str| row["test"].get(key).and_then(Value::as_f64);
    let figures = [
        ("loss", row["loss"].as_f64(), 4),
        ("floor", row["lossFloor"].as_f64(), 4),
        ("train agreement", row["trainAgreement"].as_f64(), 4),
        ("train accuracy", row["trainAccuracy"].as_f64(), 4),
        ("test accuracy", test("accuracy"), 4),
        ("nll", test("nll"), 4),
        ("ece", test("ece"), 4),
        ("agreement", test("agreement"), 4),
        ("kl", test("kl"), 4),
        ("images/s", row["imagesPerSecond"].as_f64(), 0),
    ];
    for (name, value, digits) in figures {
        if let Some(value) = value {
            _ = write!(line, "  {name} {value:.digits$}");
        }
    }
    line
}

fn progress(name: &str, n_images: u64) -> Result<ProgressBar> {
    let style = "{prefix} {wide_bar} {msg}, {per_sec}, {eta} left";
    Ok(ProgressBar::new(n_images)
        .with_style(ProgressStyle::with_template(style)?)
        .with_prefix(name.to_owned()))
}

fn seconds_since_1970() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |elapsed| elapsed.as_secs_f64())
}
