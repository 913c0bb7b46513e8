struct Norm {
    scale: vec4f,
    shift: vec4f,
}

fn norm_of(channel: u32) -> Norm {
    if (NORMED == 1u) {
        return Norm(parameters[SCALE + channel], parameters[SCALE + C_IN + channel]);
    }
    return Norm();
}

// What the convolution reads.
fn activated(value: vec4f, norm: Norm) -> vec4f {
    if (NORMED == 1u) {
        return max(fma(value, norm.scale, norm.shift), vec4f());
    }
    return value;
}

// Adds the products of four input channels, the columns, with four output channels.
fn add_products(sum: mat4x4f, x: vec4f, dy: vec4f) -> mat4x4f {
    return mat4x4f(
        fma(vec4f(x.x), dy, sum[0]),
        fma(vec4f(x.y), dy, sum[1]),
        fma(vec4f(x.z), dy, sum[2]),
        fma(vec4f(x.w), dy, sum[3]),
    );
}

fn store(first: u32, sum: mat4x4f) {
    y[first] = sum[0];
    y[first + C_OUT] = sum[1];
    y[first + 2u * C_OUT] = sum[2];
    y[first + 3u * C_OUT] = sum[3];
}
