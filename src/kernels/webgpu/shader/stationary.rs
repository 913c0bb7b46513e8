//! Convolutions for software adapters: weights stay with the thread, and pixels stream past.

use super::kernel::{Kernel, Workgroups};
use super::shape::{BatchSize, ConvInput, ConvOutput, ConvShape};
use super::text::{component, constants, fill, lines};

/// SwiftShader's vector registers have as many lanes, and a workgroup of one vector fills its private memory once.
pub const LANES: usize = 4;
/// Tiles of four pixels that are worth another worker: filling private memory costs as much as 16 tiles.
const TILES_PER_WORKER: usize = 32;
/// SwiftShader deals a dispatch out to at most so many threads.
pub const MOST_WORKGROUPS: usize = 16;
/// Multiply-adds written out in a kernel. With more of them a value that is read serves more, but compiling takes 0.2 ms each.
const MOST_PRODUCTS: usize = 1200;
/// Input channels of a chunk: fewer for 3x3, so that what is read serves enough channels.
const CHUNK_1X1: usize = 64;
const CHUNK_3X3: usize = 16;

/// The convolution's kernel; `None` if rows are not whole vectors.
pub fn stationary(shape: &ConvShape, batch: BatchSize) -> Option<Kernel> {
    let workgroups = stationary_workgroups(shape)?;
    let writer = StationaryWriter::new(shape);
    let (c_in, c_out, size_out) = (shape.c_in / 4, shape.c_out / 4, shape.size_out());
    let sizes = [
        ("WORKGROUP", LANES),
        ("STRIDE", shape.stride),
        ("SIZE_IN", shape.size_in),
        ("SIZE_OUT", size_out),
        ("C_IN", c_in),
        ("C_OUT", c_out),
        ("CHUNK", writer.chunk),
        ("CHANNELS", writer.vectors),
        ("PRIVATE", writer.private),
    ];
    let mut values = vec![
        ("$TITLE", shape.label()),
        ("$PARAMETERS", "bias [C_OUT], scale [C_IN], shift [C_IN]".into()),
        ("$CONSTANTS", constants(&sizes)),
        ("$FILL", writer.fill()),
        ("$IMAGES", batch.declaration()),
    ];
    let template = if shape.kernel == 1 {
        let start = match shape.stride {
            1 => "pixel",
            _ => "((pixel / SIZE_OUT) * STRIDE * SIZE_IN + pixel % SIZE_OUT * STRIDE)",
        };
        values.extend([
            ("$START", start.into()),
            ("$READ", writer.read("x", "start", 1)),
            ("$MULTIPLY", writer.products("sum", "x", 0, None)),
            ("$STORE", writer.store("sum", "out")),
        ]);
        include_str!("../wgsl/stationary.wgsl")
    } else {
        let [clear, row, last] = writer.rows();
        values.extend([("$CLEAR", clear), ("$ROW", row), ("$LAST", last)]);
        include_str!("../wgsl/rows.wgsl")
    };
    Some(Kernel {
        label: format!("{}, stationary", shape.label()),
        source: fill(template, &values),
        workgroups,
    })
}

/// How its workgroups are counted; `None` if rows are not whole vectors.
pub fn stationary_workgroups(shape: &ConvShape) -> Option<Workgroups> {
    let size_out = shape.size_out();
    if !size_out.is_multiple_of(LANES) {
        return None;
    }
    let (tiles, tiles_per_worker) = match shape.kernel {
        1 => (size_out * size_out / LANES, TILES_PER_WORKER),
        // A strip is as many tiles as it has rows.
        _ => (size_out / LANES, (TILES_PER_WORKER / size_out).max(1)),
    };
    let groups = shape.c_out / 4 / StationaryWriter::new(shape).vectors;
    Some(Workgroups::Workers {
        tiles,
        tiles_per_worker,
        most: (MOST_WORKGROUPS / groups).max(1),
        groups,
    })
}

/// Writes the parts of a kernel.
struct StationaryWriter<'a> {
    shape: &'a ConvShape,
    /// Vectors of input channels whose weights are kept at a time.
    chunk: usize,
    /// Vectors of output channels that a thread makes.
    vectors: usize,
    /// Where in private memory the bias, the scale and the shift begin, behind weights `[taps, 4 * chunk, vectors]`.
    bias: usize,
    scale: usize,
    shift: usize,
    /// Vectors of private memory.
    private: usize,
}

impl<'a> StationaryWriter<'a> {
    fn new(shape: &'a ConvShape) -> Self {
        let taps = shape.kernel * shape.kernel;
        let chunk = shape.c_in.min(if shape.kernel == 1 { CHUNK_1X1 } else { CHUNK_3X3 }) / 4;
        let c_out = shape.c_out / 4;
        let fits = |vectors: &usize| c_out.is_multiple_of(*vectors) && taps * 4 * chunk * 4 * vectors <= MOST_PRODUCTS;
        let vectors = (1..=c_out).rev().find(fits).unwrap_or(1);
        let bias = taps * 4 * chunk * vectors;
        let scale = bias
            + if shape.output == ConvOutput::Activated {
                vectors
            } else {
                0
            };
        let shift = scale + if shape.input == ConvInput::Normed { chunk } else { 0 };
        Self {
            shape,
            chunk,
            vectors,
            bias,
            scale,
            shift,
            private: shift + shift - scale,
        }
    }

    fn in_chunks(&self) -> bool {
        4 * self.chunk < self.shape.c_in
    }

    /// Copies this thread's parameters into private memory.
    fn fill(&self) -> String {
        let (chunk, vectors, c_in) = (self.chunk, self.vectors, self.shape.c_in);
        let rows = self.shape.kernel * self.shape.kernel * 4 * chunk;
        let weights = lines(vectors, |v| {
            format!("            p[i * CHANNELS + {v}u] = parameters[weight + {v}u];")
        });
        let mut fill = format!(
            "        for (var i = 0u; i < {rows}u; i++) {{
            let weight = (i / (4u * CHUNK) * {c_in}u + i % (4u * CHUNK) + 4u * chunk) * C_OUT + channel;
{weights}
        }}"
        );
        let copy = |n: usize, to: usize, from: String| {
            format!(
                "\n        for (var i = 0u; i < {n}u; i++) {{\n            p[{to}u + i] = parameters[{from} + i];\n        }}"
            )
        };
        let mut from = self.shape.kernel * self.shape.kernel * c_in * self.shape.c_out / 4;
        if self.shape.output == ConvOutput::Activated {
            fill += &copy(vectors, self.bias, format!("{from}u + channel"));
            from += self.shape.c_out / 4;
        }
        if self.shape.input == ConvInput::Normed {
            fill += &copy(chunk, self.scale, format!("{from}u + chunk"));
            fill += &copy(chunk, self.shift, format!("{}u + chunk", from + c_in / 4));
        }
        fill
    }

    /// Reads the `n` pixels of a row of the window from `start` on.
    fn read(&self, name: &str, start: &str, n: usize) -> String {
        lines(n * self.chunk, |i| {
            let (dx, k) = (i / self.chunk, i % self.chunk);
            let value = format!("x[{start} + {}u]", dx * self.shape.c_in / 4 + k);
            let value = match self.shape.input {
                ConvInput::Plain => value,
                ConvInput::Normed => format!(
                    "max(fma({value}, p[{}], p[{}]), vec4f())",
                    self.scale + k,
                    self.shift + k
                ),
            };
            // At stride 2 the last pixel's right neighbour is inside.
            let value = match (n, dx, self.shape.stride) {
                (3, 0, _) => format!("select(vec4f(), {value}, has_left)"),
                (3, 2, 1) => format!("select(vec4f(), {value}, has_right)"),
                _ => value,
            };
            format!("            let {name}{dx}_{k} = {value};")
        })
    }

    /// The products of a row of the window with row `dy` of the weights: sums `name0`, `name1`... from those named `before` on.
    fn products(&self, name: &str, x: &str, dy: usize, before: Option<&str>) -> String {
        let (kernel, channels) = (self.shape.kernel, 4 * self.chunk);
        lines(self.vectors, |v| {
            let mut sum = before.map(|before| format!("{before}{v}"));
            lines(kernel * channels, |i| {
                let (dx, k) = (i / channels, i % channels);
                let value = format!("{x}{dx}_{}.{}", k / 4, component(k));
                let weight = format!("p[{}]", ((dy * kernel + dx) * channels + k) * self.vectors + v);
                let term = match &sum {
                    Some(sum) => format!("fma(vec4f({value}), {weight}, {sum})"),
                    None => format!("{value} * {weight}"),
                };
                let next = if i + 1 == kernel * channels {
                    format!("{name}{v}")
                } else {
                    format!("{name}{v}_{i}")
                };
                let line = format!("            let {next} = {term};");
                sum = Some(next);
                line
            })
        })
    }

    fn store(&self, sum: &str, out: &str) -> String {
        lines(self.vectors, |v| {
            let place = format!("y[{out} + {v}u]");
            let all = match self.shape.output {
                ConvOutput::Added => format!("{place} + {sum}{v}"),
                _ if self.in_chunks() => format!("select(vec4f(), {place}, chunk > 0u) + {sum}{v}"),
                _ => format!("{sum}{v}"),
            };
            let value = match self.shape.output {
                ConvOutput::Plain | ConvOutput::Added => all,
                ConvOutput::Activated => {
                    let active = format!("max({all} + p[{}], vec4f())", self.bias + v);
                    if self.in_chunks() {
                        format!("select({all}, {active}, chunk + CHUNK == C_IN)")
                    } else {
                        active
                    }
                }
            };
            format!("            {place} = {value};")
        })
    }

    /// What comes before the rows, for each, and after them.
    fn rows(&self) -> [String; 3] {
        let variables = |names: &[&str]| {
            let variable = |i: usize| {
                format!(
                    "            var {}{} = vec4f();",
                    names[i / self.vectors],
                    i % self.vectors
                )
            };
            lines(names.len() * self.vectors, variable)
        };
        let carry = |to: &str, from: &str| lines(self.vectors, |v| format!("            {to}{v} = {from}{v};"));
        if self.shape.stride == 2 {
            // Of the two rows that a pixel adds to the one carried, the second is also the first of the next pixel's window.
            let row = [
                self.read("x", "start", 3),
                self.products("half", "x", 1, Some("here")),
                self.read("next", "start + SIZE_IN * C_IN", 3),
                self.products("done", "next", 2, Some("half")),
                self.store("done", "out"),
                self.products("first", "next", 0, None),
                carry("here", "first"),
            ];
            return [variables(&["here"]), row.join("\n"), String::new()];
        }
        // The row is the last of the window around the pixel above it, the middle of its own and the first of the next one's.
        let above = "out - SIZE_OUT * C_OUT";
        let row = [
            self.read("x", "start", 3),
            self.products("done", "x", 2, Some("above")),
            format!(
                "            if (row > 0u) {{\n{}\n            }}",
                self.store("done", above)
            ),
            self.products("middle", "x", 1, Some("here")),
            self.products("first", "x", 0, None),
            carry("above", "middle"),
            carry("here", "first"),
        ];
        [
            variables(&["above", "here"]),
            row.join("\n"),
            self.store("above", above),
        ]
    }
}
