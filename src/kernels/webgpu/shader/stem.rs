//! The kernel from pixels to the residual stream.

use super::kernel::{Kernel, WORKGROUP, Workgroups};
use super::text::{component, fill, lines};

/// Neighbouring pixels that a thread computes.
pub const STEM_PIXELS: usize = 4;
/// Vectors of output channels.
const CHANNELS: usize = 4;

/// 3x3, 3 -> 16 channels, 32x32 pixels.
pub fn stem() -> Kernel {
    // Byte 3 p + c of a row's window is colour c of pixel p, counted from the left neighbour, whose bytes 1 to 3 are of word 0.
    let byte = |pixel: usize, colour: usize| {
        let byte = 1 + 3 * pixel + colour;
        format!("word{}.{}", byte / 4, component(byte))
    };
    let load = lines(5, |i| match i {
        // The outer words may lie before the first row or behind the last; their values are not used then.
        0 => "        let word0 = unpack4x8unorm(pixels[max(word, 1u) - 1u]);".into(),
        i => format!("        let word{i} = unpack4x8unorm(pixels[word + {}u]);", i - 1),
    });
    let window = lines(STEM_PIXELS + 2, |pixel| {
        let condition = match pixel {
            0 => "left",
            p if p == STEM_PIXELS + 1 => "right",
            _ => "inside",
        };
        lines(3, |colour| {
            let c = component(colour);
            let value = format!("fma({}, scale.{c}, shift.{c})", byte(pixel, colour));
            format!("        let x{pixel}_{colour} = select(0.0, {value}, {condition});")
        })
    });
    let multiply = lines(3 * 3 * CHANNELS, |i| {
        let (dx, colour, v) = (i / (3 * CHANNELS), i / CHANNELS % 3, i % CHANNELS);
        let weight = format!(
            "        let w{i} = parameters[dy * {}u + {}u];\n",
            9 * CHANNELS,
            (dx * 3 + colour) * CHANNELS + v
        );
        let sums = lines(STEM_PIXELS, |p| {
            format!("        a{p}_{v} = fma(vec4f(x{}_{colour}), w{i}, a{p}_{v});", p + dx)
        });
        weight + &sums
    });
    let tile =
        |line: &dyn Fn(usize, usize) -> String| lines(STEM_PIXELS * CHANNELS, |i| line(i / CHANNELS, i % CHANNELS));
    let source = fill(
        include_str!("../wgsl/stem.wgsl"),
        &[
            ("$WORKGROUP", WORKGROUP.to_string()),
            ("$CLEAR", tile(&|p, v| format!("    var a{p}_{v} = vec4f();"))),
            ("$LOAD", format!("{load}\n{window}")),
            ("$MULTIPLY", multiply),
            (
                "$STORE",
                tile(&|p, v| format!("    y[out + {}u] = a{p}_{v};", p * CHANNELS + v)),
            ),
        ],
    );
    Kernel {
        label: "stem".into(),
        source,
        workgroups: Workgroups::Invocations(32 * 32 / STEM_PIXELS),
    }
}
