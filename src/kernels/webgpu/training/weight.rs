//! The gradient of a convolution's weight: a sum over all pixels, shared out in parts.
//!
//! A GPU keeps a thread's values in variables, that is in registers. A software adapter keeps them in one private array: it spills
//! variables, and writes each back whenever it reads it, but an array that is somewhere indexed by a variable stays in memory,
//! where a processor's instructions find their operands. Its threads go along rows rather than beside one another, so that a
//! value is read once for a row of the window, and take one such row, so that the code fits the processor's first cache.

use super::kernel::{Shape, with_constants};
use crate::kernels::webgpu::KernelFamily;
use crate::kernels::webgpu::shader::{LANES, MOST_WORKGROUPS, WORKGROUP, component, fill, lines};

/// Threads that fill a GPU: with fewer of them, the sum is made in more parts.
const THREADS: usize = 16_384;
/// Parts of the sum, at most.
const MOST_PARTS: usize = 256;

/// How the gradient of a weight is shared out.
pub(super) struct WeightTile {
    /// Vectors of input channels of a thread.
    tile_in: usize,
    /// Vectors of output channels of a thread.
    tile_out: usize,
    /// Parts of the sum, each of every `parts`-th row.
    pub(super) parts: usize,
}

impl WeightTile {
    pub(super) fn new(shape: &Shape) -> Self {
        let (c_in, c_out, rows) = (shape.c_in / 4, shape.c_out / 4, shape.n * shape.size_out());
        let most =
            |vectors: usize, most: usize| (1..=most).rev().find(|tile| vectors.is_multiple_of(*tile)).unwrap_or(1);
        let (tile_in, tile_out) = match (is_software(shape), shape.kernel) {
            (true, 1) => (most(c_in, 8), most(c_out, 4)),
            (true, _) => (most(c_in, 4), most(c_out, 4)),
            (false, 1) => (most(c_in, 2), most(c_out, 2)),
            (false, _) => (1, most(c_out, 2)),
        };
        let tiles = shape.kernel * (c_in / tile_in) * (c_out / tile_out);
        let parts = if is_software(shape) {
            LANES * (MOST_WORKGROUPS / tiles).clamp(1, rows.div_ceil(LANES))
        } else {
            (THREADS / tiles).clamp(1, MOST_PARTS.min(rows))
        };
        Self {
            tile_in,
            tile_out,
            parts,
        }
    }

    fn tiles(&self, shape: &Shape) -> usize {
        (shape.c_in / 4 / self.tile_in) * (shape.c_out / 4 / self.tile_out)
    }

    pub(super) fn workgroups(&self, shape: &Shape) -> [u32; 3] {
        let tiles = self.tiles(shape);
        if is_software(shape) {
            [self.parts / LANES, tiles, shape.kernel].map(|n| n as u32)
        } else {
            [(self.parts * tiles * shape.kernel).div_ceil(WORKGROUP) as u32, 1, 1]
        }
    }

    pub(super) fn source(&self, shape: &Shape) -> String {
        let writer = Writer { tile: self, shape };
        let constants = [
            ("WORKGROUP", if is_software(shape) { LANES } else { WORKGROUP }),
            ("KERNEL", shape.kernel),
            ("STRIDE", shape.stride),
            ("SIZE_IN", shape.size_in),
            ("SIZE_OUT", shape.size_out()),
            ("C_IN", shape.c_in / 4),
            ("C_OUT", shape.c_out / 4),
            ("TILE_IN", self.tile_in),
            ("TILE_OUT", self.tile_out),
            ("TILES", self.tiles(shape)),
            ("PARTS", self.parts),
            ("ROWS", shape.n * shape.size_out()),
            ("SCALE", shape.n_weights() / 4),
            ("SUMS", writer.n_sums()),
            ("PRIVATE", writer.private()),
        ];
        let title = format!(
            "{}x{} convolution {} -> {}, {} images of {}x{} pixels",
            shape.kernel, shape.kernel, shape.c_in, shape.c_out, shape.n, shape.size_in, shape.size_in
        );
        let norm_binding = if shape.normed {
            "@group(0) @binding(3) var<storage, read> parameters: array<vec4f>; // at SCALE: scale [C_IN], shift [C_IN]"
        } else {
            ""
        };
        let how = if is_software(shape) {
            "Lanes of\n// a vector register take neighbouring rows, and all that a thread keeps is in private memory."
        } else {
            "Neighbouring\n// threads share what they read."
        };
        let [row, pixel] = writer.row();
        let source = fill(
            include_str!("../wgsl/training/weight.wgsl"),
            &[
                ("$TITLE", title),
                ("$HOW", how.into()),
                ("$NORM_BINDING", norm_binding.into()),
                ("$MAIN", writer.main().into()),
                ("$NORM", writer.norm()),
                ("$CLEAR", writer.clear()),
                ("$ROW", row),
                ("$PIXEL", pixel),
                ("$STORE", writer.store()),
            ],
        );
        with_constants(&source, &constants)
    }
}

/// Vectors that a thread keeps.
#[derive(Clone, Copy)]
enum Kept {
    /// Of the gradient: tap of the window's row, input channel, vector of output channels.
    Sum(usize, usize, usize),
    /// Of the output's gradient.
    Dy(usize),
    /// Of the input, by the column of the window.
    X(&'static str, usize),
    /// Of the norm.
    Norm(&'static str, usize),
}

/// Writes the parts of the kernel.
struct Writer<'a> {
    tile: &'a WeightTile,
    shape: &'a Shape,
}

impl Writer<'_> {
    fn n_sums(&self) -> usize {
        self.shape.kernel * 4 * self.tile.tile_in * self.tile.tile_out
    }

    /// Vectors of a software adapter's private memory: behind the sums lie the output's gradient, three columns, scale and shift.
    fn private(&self) -> usize {
        self.n_sums() + self.tile.tile_out + 5 * self.tile.tile_in
    }

    fn name(&self, kept: Kept) -> String {
        let WeightTile { tile_in, tile_out, .. } = *self.tile;
        if !is_software(self.shape) {
            return match kept {
                Kept::Sum(t, j, v) => format!("sum{t}_{j}_{v}"),
                Kept::Dy(v) => format!("d{v}"),
                Kept::X(name, i) | Kept::Norm(name, i) => format!("{name}{i}"),
            };
        }
        let behind = self.n_sums() + tile_out;
        let place = match kept {
            Kept::Sum(t, j, v) => (t * 4 * tile_in + j) * tile_out + v,
            Kept::Dy(v) => self.n_sums() + v,
            Kept::X("left", i) => behind + i,
            Kept::X("here", i) => behind + tile_in + i,
            Kept::X(_, i) => behind + 2 * tile_in + i,
            Kept::Norm("scale", i) => behind + 3 * tile_in + i,
            Kept::Norm(_, i) => behind + 4 * tile_in + i,
        };
        format!("p[{place}]")
    }

    /// `how` is `let` or `var`, where it is a variable.
    fn declared(&self, how: &str, kept: Kept, value: &str) -> String {
        let how = if is_software(self.shape) {
            String::new()
        } else {
            format!("{how} ")
        };
        format!("            {how}{} = {value};", self.name(kept))
    }

    fn main(&self) -> &'static str {
        if is_software(self.shape) {
            return "var<private> p: array<vec4f, PRIVATE>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_id) lane: vec3u) {
    let tile = id.y;
    let tap = id.z;
    let part = id.x * WORKGROUP + lane.x;";
        }
        "@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let tile = id.x % TILES;
    let tap = id.x / TILES % KERNEL;
    let part = id.x / (TILES * KERNEL);
    if (part >= PARTS) {
        return;
    }"
    }

    fn norm(&self) -> String {
        if !self.shape.normed {
            return String::new();
        }
        let mut norm = lines(self.tile.tile_in, |i| {
            self.declared(
                "let",
                Kept::Norm("scale", i),
                &format!("parameters[SCALE + channel_in + {i}u]"),
            )
        });
        norm += "\n";
        norm += &lines(self.tile.tile_in, |i| {
            let value = format!("parameters[SCALE + C_IN + channel_in + {i}u]");
            self.declared("let", Kept::Norm("shift", i), &value)
        });
        norm
    }

    /// A line for each sum.
    fn sums(&self, line: impl Fn(usize, usize, usize) -> String) -> String {
        let (n_in, n_out) = (4 * self.tile.tile_in, self.tile.tile_out);
        lines(self.n_sums(), |i| line(i / (n_in * n_out), i / n_out % n_in, i % n_out))
    }

    /// Private memory is zero at first.
    fn clear(&self) -> String {
        if is_software(self.shape) {
            String::new()
        } else {
            self.sums(|t, j, v| self.declared("var", Kept::Sum(t, j, v), "vec4f()"))
        }
    }

    fn store(&self) -> String {
        if is_software(self.shape) {
            // Indexed by a variable, which keeps the array in memory.
            return "    for (var i = 0u; i < KERNEL * 4u * TILE_IN; i++) {
        let place = first + ((i / (4u * TILE_IN)) * 4u * C_IN + i % (4u * TILE_IN)) * C_OUT;
        for (var v = 0u; v < TILE_OUT; v++) {
            y[place + v] = p[i * TILE_OUT + v];
        }
    }"
            .into();
        }
        self.sums(|t, j, v| format!("    y[first + ({t}u * 4u * C_IN + {j}u) * C_OUT + {v}u] = sum{t}_{j}_{v};"))
    }

    /// Reads this thread's input channels at a place, as the convolution sees them.
    fn read(&self, how: &str, name: &'static str, place: &str, condition: Option<&str>) -> String {
        lines(self.tile.tile_in, |i| {
            let mut value = format!("x[{place} + {i}u]");
            if self.shape.normed {
                let [scale, shift] = ["scale", "shift"].map(|name| self.name(Kept::Norm(name, i)));
                value = format!("max(fma({value}, {scale}, {shift}), vec4f())");
            }
            if let Some(condition) = condition {
                value = format!("select(vec4f(), {value}, {condition})");
            }
            self.declared(how, Kept::X(name, i), &value)
        })
    }

    /// What comes before a row's pixels, and for each.
    fn row(&self) -> [String; 2] {
        let (tile_in, kernel) = (self.tile.tile_in, self.shape.kernel);
        let zeros = || lines(tile_in, |i| self.declared("var", Kept::X("left", i), "vec4f()"));
        let moved = |to: &'static str, from: &'static str| {
            lines(tile_in, |i| {
                let [to, from] = [to, from].map(|name| self.name(Kept::X(name, i)));
                format!("            {to} = {from};")
            })
        };
        // At the end of a row of stride 2 the right neighbour is inside.
        let (row, read, carry) = match (kernel, self.shape.stride) {
            (1, _) => (vec![], vec![self.read("let", "here", "place", None)], vec![]),
            (_, 1) => (
                vec![zeros(), self.read("var", "here", "start", None)],
                vec![self.read("let", "right", "place + C_IN", Some("column + 1u < SIZE_OUT"))],
                vec![moved("left", "here"), moved("here", "right")],
            ),
            _ => (
                vec![zeros()],
                vec![
                    self.read("let", "here", "place", None),
                    self.read("let", "right", "place + C_IN", None),
                ],
                vec![moved("left", "right")],
            ),
        };
        let gradient = lines(self.tile.tile_out, |v| {
            self.declared("let", Kept::Dy(v), &format!("dy[there + {v}u]"))
        });
        // What each tap of the window's row reads, in its order.
        let columns: &[&'static str] = if kernel == 1 {
            &["here"]
        } else {
            &["left", "here", "right"]
        };
        let products = self.sums(|t, j, v| {
            let x = self.name(Kept::X(columns[t], j / 4));
            let [sum, dy] = [Kept::Sum(t, j, v), Kept::Dy(v)].map(|kept| self.name(kept));
            let x = format!("{x}.{}", component(j));
            if is_software(self.shape) {
                // Without a vector of equal components, which would be kept in memory too.
                format!("            {sum} += {x} * {dy};")
            } else {
                format!("            {sum} = fma(vec4f({x}), {dy}, {sum});")
            }
        });
        let pixel = [vec![gradient], read, vec![products], carry].concat();
        [row.join("\n"), pixel.join("\n")]
    }
}

fn is_software(shape: &Shape) -> bool {
    shape.family == KernelFamily::SoftwareAdapter
}
