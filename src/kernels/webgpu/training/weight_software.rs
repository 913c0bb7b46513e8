//! The gradient of a convolution's weight on a software adapter.
//!
//! A software adapter spills a thread's variables, and writes each back whenever it reads it, but an array that is indexed by a
//! variable anywhere stays in memory, where a processor's instructions find their operands. So all that a thread keeps is in one
//! private array. Threads go along rows rather than beside one another, so that a value is read once for a row of the window, and
//! take one such row, so that the code fits the processor's first cache.

use super::gradient_tile::GradientTile;
use super::shape::LayerShape;
use crate::kernels::webgpu::shader::{LANES, component, fill, lines, with_constants};

/// The kernel's WGSL.
pub fn source(tile: &GradientTile, shape: &LayerShape) -> String {
    let writer = GradientWriter { tile, shape };
    let constants = [
        ("WORKGROUP", LANES),
        ("KERNEL", shape.kernel),
        ("STRIDE", shape.stride),
        ("SIZE_IN", shape.size_in),
        ("SIZE_OUT", shape.size_out()),
        ("C_IN", shape.c_in / 4),
        ("C_OUT", shape.c_out / 4),
        ("TILE_IN", tile.tile_in),
        ("TILE_OUT", tile.tile_out),
        ("TILES", tile.tiles(shape)),
        ("PARTS", tile.parts),
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
    let [row, pixel] = writer.row();
    let source = fill(
        include_str!("../wgsl/training/weight_software.wgsl"),
        &[
            ("$TITLE", title),
            ("$NORM_BINDING", norm_binding.into()),
            ("$NORM", writer.norm()),
            ("$ROW", row),
            ("$PIXEL", pixel),
        ],
    );
    with_constants(&source, &constants)
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
struct GradientWriter<'a> {
    tile: &'a GradientTile,
    shape: &'a LayerShape,
}

impl GradientWriter<'_> {
    fn n_sums(&self) -> usize {
        self.shape.kernel * 4 * self.tile.tile_in * self.tile.tile_out
    }

    /// Vectors of private memory: behind the sums lie the output's gradient, three columns, scale and shift.
    fn private(&self) -> usize {
        self.n_sums() + self.tile.tile_out + 5 * self.tile.tile_in
    }

    fn name(&self, kept: Kept) -> String {
        let GradientTile { tile_in, tile_out, .. } = *self.tile;
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

    fn assigned(&self, kept: Kept, value: &str) -> String {
        format!("            {} = {value};", self.name(kept))
    }

    fn norm(&self) -> String {
        if !self.shape.normed {
            return String::new();
        }
        let mut norm = lines(self.tile.tile_in, |i| {
            self.assigned(
                Kept::Norm("scale", i),
                &format!("parameters[SCALE + channel_in + {i}u]"),
            )
        });
        norm += "\n";
        norm += &lines(self.tile.tile_in, |i| {
            let value = format!("parameters[SCALE + C_IN + channel_in + {i}u]");
            self.assigned(Kept::Norm("shift", i), &value)
        });
        norm
    }

    /// A line for each sum.
    fn sums(&self, line: impl Fn(usize, usize, usize) -> String) -> String {
        let (n_in, n_out) = (4 * self.tile.tile_in, self.tile.tile_out);
        lines(self.n_sums(), |i| line(i / (n_in * n_out), i / n_out % n_in, i % n_out))
    }

    /// Reads this thread's input channels at a place, as the convolution sees them.
    fn read(&self, name: &'static str, place: &str, condition: Option<&str>) -> String {
        lines(self.tile.tile_in, |i| {
            let mut value = format!("x[{place} + {i}u]");
            if self.shape.normed {
                let [scale, shift] = ["scale", "shift"].map(|name| self.name(Kept::Norm(name, i)));
                value = format!("max(fma({value}, {scale}, {shift}), vec4f())");
            }
            if let Some(condition) = condition {
                value = format!("select(vec4f(), {value}, {condition})");
            }
            self.assigned(Kept::X(name, i), &value)
        })
    }

    /// What comes before a row's pixels, and for each.
    fn row(&self) -> [String; 2] {
        let (tile_in, kernel) = (self.tile.tile_in, self.shape.kernel);
        let zeros = || lines(tile_in, |i| self.assigned(Kept::X("left", i), "vec4f()"));
        let moved = |to: &'static str, from: &'static str| {
            lines(tile_in, |i| {
                let [to, from] = [to, from].map(|name| self.name(Kept::X(name, i)));
                format!("            {to} = {from};")
            })
        };
        // At the end of a row of stride 2 the right neighbour is inside.
        let (row, read, carry) = match (kernel, self.shape.stride) {
            (1, _) => (vec![], vec![self.read("here", "place", None)], vec![]),
            (_, 1) => (
                vec![zeros(), self.read("here", "start", None)],
                vec![self.read("right", "place + C_IN", Some("column + 1u < SIZE_OUT"))],
                vec![moved("left", "here"), moved("here", "right")],
            ),
            _ => (
                vec![zeros()],
                vec![
                    self.read("here", "place", None),
                    self.read("right", "place + C_IN", None),
                ],
                vec![moved("left", "right")],
            ),
        };
        let gradient = lines(self.tile.tile_out, |v| {
            self.assigned(Kept::Dy(v), &format!("dy[there + {v}u]"))
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
            // Without a vector of equal components, which would be kept in memory too.
            format!("            {sum} += {x} * {dy};")
        });
        let pixel = [vec![gradient], read, vec![products], carry].concat();
        [row.join("\n"), pixel.join("\n")]
    }
}
