//! Convolutions for GPUs: a tile per thread, in registers.

use super::kernel::{Kernel, WORKGROUP, Workgroups};
use super::shape::{BatchSize, ConvInput, ConvOutput, ConvShape, ThreadTile};
use super::text::{component, constants, fill, lines};

/// How the workgroups of [`tiled`] are counted.
pub fn tiled_workgroups(shape: &ConvShape, tile: ThreadTile) -> Workgroups {
    Workgroups::Invocations(shape.size_out() * shape.size_out() / tile.pixels * (shape.c_out / tile.channels))
}

/// The kernel whose threads compute a tile each.
pub fn tiled(shape: &ConvShape, tile: ThreadTile, batch: BatchSize) -> Kernel {
    let writer = TiledWriter(shape);
    let (pixels, vectors) = (tile.pixels, tile.channels / 4);
    let (c_in, c_out) = (shape.c_in / 4, shape.c_out / 4);
    let taps = shape.kernel * shape.kernel;
    let weights = taps * shape.c_in * c_out;
    let scale = weights
        + if shape.output == ConvOutput::Activated {
            c_out
        } else {
            0
        };
    let values = [
        ("WORKGROUP", WORKGROUP),
        ("KERNEL", shape.kernel),
        ("STRIDE", shape.stride),
        ("SIZE_IN", shape.size_in),
        ("SIZE_OUT", shape.size_out()),
        ("C_IN", c_in),
        ("C_OUT", c_out),
        ("PIXELS", pixels),
        ("CHANNELS", vectors),
        ("GROUPS", c_out / vectors),
        ("TILES_PER_ROW", shape.size_out() / pixels),
        ("BIAS", weights),
        ("SCALE", scale),
        ("SHIFT", scale + c_in),
    ];
    let sums = |line: &dyn Fn(usize, usize) -> String| lines(pixels * vectors, |i| line(i / vectors, i % vectors));
    let source = fill(
        include_str!("../wgsl/convolution.wgsl"),
        &[
            ("$TITLE", shape.label()),
            ("$PARAMETERS", "bias [C_OUT], scale [C_IN], shift [C_IN]".into()),
            ("$CONSTANTS", constants(&values)),
            ("$CLEAR", sums(&|p, v| format!("    var a{p}_{v} = vec4f();"))),
            ("$LOOP", writer.rows(pixels, vectors)),
            ("$STORE", sums(&|p, v| writer.store(p, v, c_out))),
            ("$END", batch.end()),
        ],
    );
    Kernel {
        label: shape.label(),
        source,
        workgroups: tiled_workgroups(shape, tile),
    }
}

/// Writes the parts of a kernel.
struct TiledWriter<'a>(&'a ConvShape);

impl TiledWriter<'_> {
    /// Sums over the rows of the window and the input channels.
    fn rows(&self, pixels: usize, vectors: usize) -> String {
        if self.0.kernel == 1 {
            return format!(
                "    let start = ((image * SIZE_IN + row * STRIDE) * SIZE_IN + column * STRIDE) * C_IN;\n    let weights = channel;\n{}",
                self.channels(pixels, vectors)
            );
        }
        format!(
            "    // Left of the first pixel this wraps around; what is read there is not used.
    let left = (image * SIZE_IN * SIZE_IN + column * STRIDE) * C_IN - C_IN;
    for (var dy = 0u; dy < KERNEL; dy++) {{
    let row_in = i32(row * STRIDE + dy) - 1;
    let inside = row_in >= 0 && row_in < i32(SIZE_IN);
    let start = left + u32(clamp(row_in, 0, i32(SIZE_IN) - 1)) * (SIZE_IN * C_IN);
    let weights = dy * (KERNEL * 4u * C_IN * C_OUT) + channel;
{}
    }}",
            self.channels(pixels, vectors)
        )
    }

    /// The sums over input channels, four at a time, for one row of the window.
    fn channels(&self, pixels: usize, vectors: usize) -> String {
        let (c_in, c_out) = (self.0.c_in / 4, self.0.c_out / 4);
        let n_read = (pixels - 1) * self.0.stride + self.0.kernel;
        let norm = match self.0.input {
            ConvInput::Plain => "",
            ConvInput::Normed => {
                "        let scale = parameters[SCALE + k];\n        let shift = parameters[SHIFT + k];\n"
            }
        };
        let reads = (0..n_read).filter(|i| self.0.kernel == 3 || i % self.0.stride == 0);
        let reads: Vec<_> = reads.map(|i| self.read(i, n_read, c_in)).collect();
        let products = lines(self.0.kernel * 4 * vectors, |i| {
            let (dx, j, v) = (i / (4 * vectors), i / vectors % 4, i % vectors);
            let weight = format!(
                "        let w{i} = parameters[weights + k * {}u + {}u];\n",
                4 * c_out,
                dx * 4 * c_in * c_out + j * c_out + v
            );
            let sums = lines(pixels, |p| {
                let x = format!("x{}.{}", p * self.0.stride + dx, component(j));
                format!("        a{p}_{v} = fma(vec4f({x}), w{i}, a{p}_{v});")
            });
            weight + &sums
        });
        format!(
            "    for (var k = 0u; k < C_IN; k++) {{\n{norm}{}\n{products}\n    }}",
            reads.join("\n")
        )
    }

    /// Reads pixel `i` of the window's row.
    fn read(&self, i: usize, n_read: usize, c_in: usize) -> String {
        let value = format!("x[start + {}u + k]", i * c_in);
        let value = match self.0.input {
            ConvInput::Plain => value,
            ConvInput::Normed => format!("max(fma({value}, scale, shift), vec4f())"),
        };
        if self.0.kernel == 1 {
            return format!("        let x{i} = {value};");
        }
        // At stride 2 the window ends with the last pixel's right neighbour, which is inside.
        let condition = match i {
            0 => "inside && column > 0u",
            i if i == n_read - 1 && self.0.stride == 1 => "inside && column + PIXELS < SIZE_OUT",
            _ => "inside",
        };
        format!("        let x{i} = select(vec4f(), {value}, {condition});")
    }

    fn store(&self, p: usize, v: usize, c_out: usize) -> String {
        let (sum, place) = (format!("a{p}_{v}"), format!("y[out + {}u]", p * c_out + v));
        match self.0.output {
            ConvOutput::Plain => format!("    {place} = {sum};"),
            ConvOutput::Activated => format!("    {place} = max({sum} + parameters[BIAS + channel + {v}u], vec4f());"),
            ConvOutput::Added => format!("    {place} += {sum};"),
        }
    }
}
