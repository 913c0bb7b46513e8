//! Writing WGSL.

/// `line(0)` to `line(n - 1)`, one per line.
pub fn lines(n: usize, line: impl FnMut(usize) -> String) -> String {
    (0..n).map(line).collect::<Vec<_>>().join("\n")
}

/// The name of a vector's component.
pub fn component(i: usize) -> char {
    ['x', 'y', 'z', 'w'][i % 4]
}

/// Replaces each `$NAME` of a template.
pub fn fill(template: &str, values: &[(&str, String)]) -> String {
    values
        .iter()
        .fold(template.to_owned(), |text, (name, value)| text.replace(name, value))
}

/// Declares constants: `const NAME = 1u;`, one per line.
pub fn constants(values: &[(&str, usize)]) -> String {
    lines(values.len(), |i| format!("const {} = {}u;", values[i].0, values[i].1))
}

/// Replaces a template's `$CONSTANTS`.
pub fn with_constants(template: &str, values: &[(&str, usize)]) -> String {
    fill(template, &[("$CONSTANTS", constants(values))])
}
