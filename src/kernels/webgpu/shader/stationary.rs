//! Convolutions for software adapters: weights stay with the thread, pixels pass by.

use super::convolution::{Convolution, Input, Output};
use super::{Dispatch, Kernel, component, fill, lines};

/// SwiftShader's vector registers have as many lanes, and a workgroup of one vector fills its private memory once.
const LANES: usize = 4;
/// Filling private memory costs a weight about what 16 tiles of multiply-adds do.
const TILES_A_WORKER: usize = 32;
/// SwiftShader deals a dispatch out to at most so many threads.
const MOST_WORKGROUPS: usize = 16;
/// Multiply-adds written out in a kernel. More of them need fewer reads each, but compiling takes 0.2 ms for each.
const MOST_PRODUCTS: usize = 1200;

/// Vectors of channels that a thread makes: as many as private memory is meant to hold weights for.
fn vectors(shape: &Convolution) -> usize {
    let weights_a_vector = shape.kernel * shape.kernel * shape.c_in * 4;
    let c_out = shape.c_out / 4;
    let fits = |&vectors: &usize| vectors == 1 || vectors * weights_a_vector <= MOST_PRODUCTS;
    let divisors = (1..=c_out).rev().filter(|vectors| c_out.is_multiple_of(*vectors));
    divisors.into_iter().find(fits).unwrap_or(1)
}

/// The kernel of a convolution of stride 1; `None` for others.
pub(super) fn stationary(shape: &Convolution) -> Option<Kernel> {
    if shape.stride != 1 || !shape.size_in.is_multiple_of(LANES) {
        return None;
    }
    let vectors = vectors(shape);
    let (c_in, c_out, taps) = (shape.c_in / 4, shape.c_out / 4, shape.kernel * shape.kernel);
    let weights = taps * shape.c_in;
    let bias = weights * vectors;
    let scale = bias + if shape.output == Output::Activated { vectors } else { 0 };
    let shift = scale + c_in;
    let normed = shape.input == Input::Normed;
    let private = if normed { shift + c_in } else { scale };
    let writer = Writer {
        shape,
        vectors,
        bias,
        scale,
        shift,
    };
    let constants = [
        ("WORKGROUP", LANES),
        ("SIZE", shape.size_in),
        ("PIXELS", shape.size_in * shape.size_in),
        ("C_IN", c_in),
        ("C_OUT", c_out),
        ("CHANNELS", vectors),
        ("PRIVATE", private),
    ];
    let mut values = vec![
        ("$TITLE", shape.label()),
        ("$PARAMETERS", "bias [C_OUT], scale [C_IN], shift [C_IN]".into()),
        (
            "$CONSTANTS",
            lines(constants.len(), |i| {
                format!("const {} = {}u;", constants[i].0, constants[i].1)
            }),
        ),
        ("$FILL", writer.fill(weights)),
    ];
    let (template, tiles) = match shape.kernel {
        1 => {
            values.extend([
                ("$READ", writer.read(1)),
                ("$MULTIPLY", writer.products("a", 0, 1, &|_| None)),
                ("$STORE", lines(vectors, |v| writer.store(&format!("a{v}"), v, "out"))),
            ]);
            let tiles = shape.size_in * shape.size_in / LANES;
            (include_str!("../wgsl/stationary.wgsl"), tiles)
        }
        _ => {
            let above = "out - SIZE * C_OUT";
            values.extend([
                (
                    "$CLEAR",
                    lines(vectors, |v| {
                        format!("        var above{v} = vec4f();\n        var here{v} = vec4f();")
                    }),
                ),
                ("$READ", writer.read(3)),
                // The row is the last of the window around the pixel above it, the middle of its own, the first of the next.
                ("$BELOW", writer.products("done", 2, 3, &|v| Some(format!("above{v}")))),
                (
                    "$STORE_ABOVE",
                    lines(vectors, |v| writer.store(&format!("done{v}"), v, above)),
                ),
                ("$HERE", writer.products("middle", 1, 3, &|v| Some(format!("here{v}")))),
                ("$ABOVE", writer.products("first", 0, 3, &|_| None)),
                (
                    "$CARRY",
                    lines(vectors, |v| {
                        format!("            above{v} = middle{v};\n            here{v} = first{v};")
                    }),
                ),
                (
                    "$STORE_LAST",
                    lines(vectors, |v| writer.store(&format!("above{v}"), v, above)),
                ),
            ]);
            // A strip is as many tiles as it has rows.
            (include_str!("../wgsl/rows.wgsl"), shape.size_in / LANES)
        }
    };
    let tiles_a_worker = if shape.kernel == 1 {
        TILES_A_WORKER
    } else {
        (TILES_A_WORKER / shape.size_in).max(1)
    };
    let groups = c_out / vectors;
    Some(Kernel {
        label: format!("{}, stationary", shape.label()),
        source: fill(template, &values),
        dispatch: Dispatch::Workers {
            tiles,
            tiles_a_worker,
            most: (MOST_WORKGROUPS / groups).max(1),
            groups,
        },
    })
}

/// Writes the parts of a kernel.
struct Writer<'a> {
    shape: &'a Convolution,
    vectors: usize,
    /// Where in private memory the bias, the scale and the shift begin; weights are `[taps, c_in, vectors]` from 0.
    bias: usize,
    scale: usize,
    shift: usize,
}

impl Writer<'_> {
    /// Copies this thread's parameters into private memory.
    fn fill(&self, weights: usize) -> String {
        let (vectors, c_in, c_out) = (self.vectors, self.shape.c_in / 4, self.shape.c_out / 4);
        let mut fill = format!(
            "    for (var i = 0u; i < {weights}u; i++) {{\n{}\n    }}",
            lines(vectors, |v| format!(
                "        p[i * CHANNELS + {v}u] = parameters[i * C_OUT + channel + {v}u];"
            ))
        );
        let mut from = weights * c_out;
        if self.shape.output == Output::Activated {
            let (bias, n) = (self.bias, vectors);
            fill += &format!(
                "\n    for (var i = 0u; i < {n}u; i++) {{\n        p[{bias}u + i] = parameters[{from}u + channel + i];\n    }}"
            );
            from += c_out;
        }
        if self.shape.input == Input::Normed {
            let (scale, n) = (self.scale, 2 * c_in);
            fill += &format!(
                "\n    for (var i = 0u; i < {n}u; i++) {{\n        p[{scale}u + i] = parameters[{from}u + i];\n    }}"
            );
        }
        fill
    }

    /// Reads the `n` pixels of a row of the window.
    fn read(&self, n: usize) -> String {
        let c_in = self.shape.c_in / 4;
        lines(n * c_in, |i| {
            let (dx, k) = (i / c_in, i % c_in);
            let value = format!("x[start + {i}u]");
            let value = match self.shape.input {
                Input::Plain => value,
                Input::Normed => format!(
                    "max(fma({value}, p[{}], p[{}]), vec4f())",
                    self.scale + k,
                    self.shift + k
                ),
            };
            match (n, dx) {
                (3, 0) => format!("            let x0_{k} = select(vec4f(), {value}, has_left);"),
                (3, 2) => format!("            let x2_{k} = select(vec4f(), {value}, has_right);"),
                _ => format!("            let x{dx}_{k} = {value};"),
            }
        })
    }

    /// The products of a row of the window with its row `dy` of the weights, `name` and the vector being the sums' names.
    fn products(&self, name: &str, dy: usize, n: usize, before: &dyn Fn(usize) -> Option<String>) -> String {
        let (c_in, vectors) = (self.shape.c_in, self.vectors);
        lines(vectors, |v| {
            let mut sum = before(v);
            let terms = lines(n * c_in, |i| {
                let (dx, k) = (i / c_in, i % c_in);
                let value = format!("x{dx}_{}.{}", k / 4, component(k));
                let weight = format!("p[{}]", ((dy * n + dx) * c_in + k) * vectors + v);
                let term = match &sum {
                    Some(sum) => format!("fma(vec4f({value}), {weight}, {sum})"),
                    None => format!("{value} * {weight}"),
                };
                let last = i + 1 == n * c_in;
                let next = if last {
                    format!("{name}{v}")
                } else {
                    format!("{name}{v}_{i}")
                };
                let line = format!("            let {next} = {term};");
                sum = Some(next);
                line
            });
            terms
        })
    }

    fn store(&self, sum: &str, v: usize, out: &str) -> String {
        let place = format!("y[{out} + {v}u]");
        match self.shape.output {
            Output::Plain => format!("            {place} = {sum};"),
            Output::Activated => format!("            {place} = max({sum} + p[{}], vec4f());", self.bias + v),
            Output::Added => format!("            {place} += {sum};"),
        }
    }
}
