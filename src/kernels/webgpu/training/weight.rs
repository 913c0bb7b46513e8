//! The gradient of a convolution's weight: a sum over all pixels, shared out in parts.

use super::kernel::{Shape, with_constants};
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
    /// Parts of the sum.
    pub(super) parts: usize,
    /// Workgroups along the pixels, on a software adapter.
    workers: usize,
}

impl WeightTile {
    pub(super) fn new(shape: &Shape) -> Self {
        let (c_in, c_out) = (shape.c_in / 4, shape.c_out / 4);
        let most =
            |vectors: usize, most: usize| (1..=most).rev().find(|tile| vectors.is_multiple_of(*tile)).unwrap_or(1);
        if shape.software {
            let (tile_in, tile_out) = match shape.kernel {
                1 => (most(c_in, 16), most(c_out, 4)),
                _ => (most(c_in, 4), most(c_out, 2)),
            };
            let groups = (c_in / tile_in) * (c_out / tile_out);
            let workers = (MOST_WORKGROUPS / groups).clamp(1, shape.n);
            return Self {
                tile_in,
                tile_out,
                parts: LANES * workers,
                workers,
            };
        }
        let (tile_in, tile_out) = match shape.kernel {
            1 => (most(c_in, 2), most(c_out, 2)),
            _ => (1, most(c_out, 2)),
        };
        let tiles = shape.kernel * (c_in / tile_in) * (c_out / tile_out);
        let rows = shape.n * shape.size_out();
        let parts = (THREADS / tiles).clamp(1, MOST_PARTS.min(rows));
        // So many that each but the last has equally many rows.
        let parts = rows.div_ceil(rows.div_ceil(parts));
        Self {
            tile_in,
            tile_out,
            parts,
            workers: 0,
        }
    }

    pub(super) fn workgroups(&self, shape: &Shape) -> [u32; 3] {
        let tiles = (shape.c_in / 4 / self.tile_in) * (shape.c_out / 4 / self.tile_out);
        match shape.software {
            true => [self.workers as u32, tiles as u32, 1],
            false => [(self.parts * tiles * shape.kernel).div_ceil(WORKGROUP) as u32, 1, 1],
        }
    }

    pub(super) fn source(&self, shape: &Shape) -> String {
        let rows = shape.n * shape.size_out();
        let constants = [
            ("WORKGROUP", WORKGROUP),
            ("LANES", LANES),
            ("KERNEL", shape.kernel),
            ("STRIDE", shape.stride),
            ("SIZE_IN", shape.size_in),
            ("SIZE_OUT", shape.size_out()),
            ("C_IN", shape.c_in / 4),
            ("C_OUT", shape.c_out / 4),
            ("TILE_IN", self.tile_in),
            ("TILE_OUT", self.tile_out),
            ("PARTS", self.parts),
            ("ROWS", rows),
            ("ROWS_A_PART", rows.div_ceil(self.parts)),
            ("WORKERS", self.workers),
            ("SCALE", shape.n_weights() / 4),
            ("SUMS", shape.taps() * 4 * self.tile_in * self.tile_out),
        ];
        let binding = match shape.normed {
            true => {
                "@group(0) @binding(3) var<storage, read> parameters: array<vec4f>; // at SCALE: scale [C_IN], shift [C_IN]"
            }
            false => "",
        };
        let norm = lines(self.tile_in, |i| {
            format!(
                "    let scale{i} = parameters[SCALE + channel_in + {i}u];\n    let shift{i} = parameters[SCALE + C_IN + channel_in + {i}u];"
            )
        });
        let norm = if shape.normed { norm } else { String::new() };
        let title = format!(
            "{}x{} convolution {} -> {}, {} images of {}x{} pixels",
            shape.kernel, shape.kernel, shape.c_in, shape.c_out, shape.n, shape.size_in, shape.size_in
        );
        let mut values = vec![
            ("$TITLE", title),
            ("$NORM_BINDING", binding.to_owned()),
            ("$NORM", norm),
        ];
        let template = if shape.software {
            values.push((
                "$PIXELS",
                match (shape.kernel, shape.stride) {
                    (1, _) => self.software_pixels(shape),
                    (_, 1) => self.software_rows(shape),
                    _ => self.software_strided_rows(shape),
                },
            ));
            include_str!("../wgsl/training/weight_software.wgsl")
        } else {
            values.extend(self.hardware(shape));
            include_str!("../wgsl/training/weight.wgsl")
        };
        with_constants(&fill(template, &values), &constants)
    }

    /// Reads input channels `i` of this thread at a place, as the convolution sees them.
    fn read(shape: &Shape, place: &str, i: usize) -> String {
        let value = format!("x[{place} + {i}u]");
        match shape.normed {
            true => format!("max(fma({value}, scale{i}, shift{i}), vec4f())"),
            false => value,
        }
    }

    fn hardware(&self, shape: &Shape) -> Vec<(&'static str, String)> {
        let (tile_in, tile_out, taps) = (self.tile_in, self.tile_out, shape.kernel);
        // Sum of tap t of the window's row, input channel j of this thread, vector v of output channels.
        let sums = |line: &dyn Fn(usize, usize, usize) -> String| {
            lines(taps * 4 * tile_in * tile_out, |i| {
                line(i / (4 * tile_in * tile_out), i / tile_out % (4 * tile_in), i % tile_out)
            })
        };
        let variables = |name: &str, how: &dyn Fn(usize) -> String| {
            lines(tile_in, |i| format!("            let {name}{i} = {};", how(i)))
        };
        let read = |place: &'static str| move |i: usize| Self::read(shape, place, i);
        let carried = lines(tile_in, |i| match shape.stride {
            1 => format!(
                "        var left{i} = vec4f();\n        var here{i} = {};",
                Self::read(shape, "start", i)
            ),
            _ => format!("        var left{i} = vec4f();"),
        });
        let mut pixel = lines(tile_out, |v| format!("            let d{v} = dy[there + {v}u];"));
        let mut row = String::new();
        // What each tap of the window's row reads, in its order.
        let mut names: &[&str] = &["here"];
        if taps == 1 {
            pixel += &format!("\n{}", variables("here", &read("place")));
        } else if shape.stride == 1 {
            row = carried;
            names = &["left", "here", "right"];
            let beyond = |i: usize| {
                format!(
                    "select(vec4f(), {}, column + 1u < SIZE_OUT)",
                    Self::read(shape, "place + C_IN", i)
                )
            };
            pixel += &format!("\n{}", variables("right", &beyond));
        } else {
            row = carried;
            names = &["left", "here", "right"];
            // The last pixel's right neighbour is inside.
            pixel += &format!(
                "\n{}\n{}",
                variables("here", &read("place")),
                variables("right", &read("place + C_IN"))
            );
        }
        pixel += "\n";
        pixel += &sums(&|t, j, v| {
            let value = format!("{}{}.{}", names[t], j / 4, component(j));
            format!("            sum{t}_{j}_{v} = fma(vec4f({value}), d{v}, sum{t}_{j}_{v});")
        });
        if taps == 3 {
            pixel += "\n";
            pixel += &lines(tile_in, |i| match shape.stride {
                1 => format!("            left{i} = here{i};\n            here{i} = right{i};"),
                _ => format!("            left{i} = right{i};"),
            });
        }
        vec![
            ("$CLEAR", sums(&|t, j, v| format!("    var sum{t}_{j}_{v} = vec4f();"))),
            ("$ROW", row),
            ("$PIXEL", pixel),
            (
                "$STORE",
                sums(&|t, j, v| format!("    y[first + ({t}u * 4u * C_IN + {j}u) * C_OUT + {v}u] = sum{t}_{j}_{v};")),
            ),
        ]
    }

    /// Adds the products of what was read, named `x{dx}_{i}`, with a gradient to the sums of row `dy` of the window.
    fn products(&self, shape: &Shape, x: &str, row: usize, gradient: &str) -> String {
        let (tile_in, tile_out) = (self.tile_in, self.tile_out);
        lines(shape.kernel * 4 * tile_in * tile_out, |i| {
            let (dx, j, v) = (i / (4 * tile_in * tile_out), i / tile_out % (4 * tile_in), i % tile_out);
            let sum = ((row * shape.kernel + dx) * 4 * tile_in + j) * tile_out + v;
            let value = format!("{x}{dx}_{}.{}", j / 4, component(j));
            format!("            p[{sum}] = fma(vec4f({value}), {gradient}{v}, p[{sum}]);")
        })
    }

    fn gradients(&self, name: &str, place: &str) -> String {
        lines(self.tile_out, |v| {
            format!("            let {name}{v} = dy[{place} + {v}u];")
        })
    }

    fn software_pixels(&self, shape: &Shape) -> String {
        let reads = lines(self.tile_in, |i| {
            format!("            let x0_{i} = {};", Self::read(shape, "place", i))
        });
        format!(
            "    for (var pixel = id.x * LANES + lane.x; pixel < ROWS * SIZE_OUT; pixel += WORKERS * LANES) {{
            let place = ((pixel / SIZE_OUT) * STRIDE * SIZE_IN + pixel % SIZE_OUT * STRIDE) * C_IN + channel_in;
            let there = pixel * C_OUT + channel_out;
{reads}
{}
{}
    }}",
            self.gradients("d", "there"),
            self.products(shape, "x", 0, "d"),
        )
    }

    /// Reads a row of the window at the column before `place`.
    fn row(&self, shape: &Shape, name: &str, place: &str, inside: Option<&str>) -> String {
        lines(3 * self.tile_in, |i| {
            let (dx, i) = (i / self.tile_in, i % self.tile_in);
            let value = Self::read(shape, &format!("{place} + {dx}u * C_IN"), i);
            let outside = match (dx, shape.stride) {
                (0, _) => Some("has_left"),
                (2, 1) => Some("has_right"),
                // At stride 2 the last pixel's right neighbour is inside.
                _ => None,
            };
            let condition: Vec<_> = outside.into_iter().chain(inside).collect();
            match condition.is_empty() {
                true => format!("            let {name}{dx}_{i} = {value};"),
                false => format!(
                    "            let {name}{dx}_{i} = select(vec4f(), {value}, {});",
                    condition.join(" && ")
                ),
            }
        })
    }

    /// The loop over columns of pixels, four at a time, around a loop over rows.
    fn strips(before: &str, row: &str) -> String {
        format!(
            "    for (var strip = id.x; strip < ROWS / LANES; strip += WORKERS) {{
        let column = strip % (SIZE_OUT / LANES) * LANES + lane.x;
        let image = strip / (SIZE_OUT / LANES);
        let has_left = column > 0u;
        let has_right = column < SIZE_OUT - 1u;
        // Left of the first pixel this wraps around; what is read there is not used.
        var place = (image * SIZE_IN * SIZE_IN + column * STRIDE - 1u) * C_IN + channel_in;
        var there = (image * SIZE_OUT * SIZE_OUT + column) * C_OUT + channel_out;
{before}
        for (var row = 0u; row < SIZE_OUT; row++) {{
{row}
            place += STRIDE * SIZE_IN * C_IN;
            there += SIZE_OUT * C_OUT;
        }}
    }}"
        )
    }

    /// At stride 1 a row of the input meets the gradients of the rows above it, at it and below it.
    fn software_rows(&self, shape: &Shape) -> String {
        let before = lines(self.tile_out, |v| {
            format!("        var above{v} = vec4f();\n        var here{v} = dy[there + {v}u];")
        });
        let below = lines(self.tile_out, |v| {
            format!(
                "            let below{v} = select(vec4f(), dy[there + SIZE_OUT * C_OUT + {v}u], row + 1u < SIZE_OUT);"
            )
        });
        let carry = lines(self.tile_out, |v| {
            format!("            above{v} = here{v};\n            here{v} = below{v};")
        });
        let row = [
            self.row(shape, "x", "place", None),
            below,
            self.products(shape, "x", 0, "below"),
            self.products(shape, "x", 1, "here"),
            self.products(shape, "x", 2, "above"),
            carry,
        ];
        Self::strips(&before, &row.join("\n"))
    }

    fn software_strided_rows(&self, shape: &Shape) -> String {
        let row = [
            self.gradients("d", "there"),
            self.row(shape, "a", "place - SIZE_IN * C_IN", Some("row > 0u")),
            self.products(shape, "a", 0, "d"),
            self.row(shape, "b", "place", None),
            self.products(shape, "b", 1, "d"),
            self.row(shape, "c", "place + SIZE_IN * C_IN", None),
            self.products(shape, "c", 2, "d"),
        ];
        Self::strips("", &row.join("\n"))
    }
}
