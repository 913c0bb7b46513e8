//! The layers of training as differentiable operations on burn's tensors, channels-last.
//!
//! [`mod@reference`] defines each of them in burn's own operations, and tests compare with it. `autodiff` registers them with burn,
//! given a backend's kernels: `flex` on the CPU, `cube` on WebGPU.

mod autodiff;
#[cfg(feature = "webgpu")]
mod cube;
#[cfg(feature = "cpu")]
mod flex;
mod norm;
pub mod reference;

pub use autodiff::{conv, moments, norm_relu_conv, running, sgd};
#[cfg(feature = "webgpu")]
pub use cube::{launched, register};
pub use norm::{BatchMoments, NormParameters};

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;
    use crate::testing;
    use burn::tensor::{Device, Tensor, TensorData};

    fn values<const D: usize>(shape: [usize; D], seed: u32) -> Tensor<D> {
        let data = TensorData::new(testing::values(shape.iter().product(), seed), shape);
        Tensor::from_data(data, &Device::flex().autodiff()).require_grad()
    }

    fn assert_close<const D: usize>(what: &str, found: Tensor<D>, expected: Tensor<D>) {
        assert_eq!(found.dims(), expected.dims(), "{what}");
        let read = |tensor: Tensor<D>| -> Vec<f32> { tensor.into_data().try_to_vec().unwrap() };
        testing::assert_relative(what, &read(found), &read(expected), 2e-5);
    }

    /// [n, size, c_in, c_out, kernel, stride]: every shape of the networks, smaller; one image and odd batches; the 6 pixels a side
    /// that smaller pictures end with.
    const SHAPES: [[usize; 6]; 12] = [
        [1, 8, 16, 16, 1, 1],
        [3, 8, 16, 64, 1, 1],
        [2, 4, 64, 16, 1, 1],
        [3, 8, 16, 16, 3, 1],
        [1, 8, 16, 32, 3, 2],
        [5, 8, 32, 32, 3, 2],
        [2, 16, 16, 48, 3, 1],
        [3, 8, 48, 80, 1, 2],
        [1, 32, 32, 16, 3, 1],
        [2, 6, 64, 16, 3, 1],
        [3, 12, 32, 64, 3, 2],
        [3, 12, 32, 64, 1, 2],
    ];

    #[test]
    fn a_convolution_and_its_gradients_are_the_reference_s() {
        for [n, size, c_in, c_out, kernel, stride] in SHAPES {
            let x = values([n, size, size, c_in], 1);
            let weight = values([c_out, c_in, kernel, kernel], 2);
            let dy = values([n, size / stride, size / stride, c_out], 3).detach();
            let what = format!("{n} images of {size} pixels, {c_in} to {c_out}, kernel {kernel}, stride {stride}");
            let (found, expected) = (
                conv(x.clone(), weight.clone(), stride),
                reference::conv(x.clone(), weight.clone(), stride),
            );
            assert_close(&what, found.clone(), expected.clone());
            let (found, expected) = (
                found.mul(dy.clone()).sum().backward(),
                expected.mul(dy).sum().backward(),
            );
            assert_close(
                &format!("{what}: input"),
                x.grad(&found).unwrap(),
                x.grad(&expected).unwrap(),
            );
            let weight = |gradients| weight.grad(gradients).unwrap();
            assert_close(&format!("{what}: weight"), weight(&found), weight(&expected));
        }
    }

    #[test]
    fn a_normalised_convolution_and_its_gradients_are_the_reference_s() {
        for [n, size, c_in, c_out, kernel, stride] in SHAPES {
            // Far from zero mean, as a residual stream can be, so that a variance that cancels would show.
            let x = values([n, size, size, c_in], 1).add_scalar(3.0).detach().require_grad();
            let weight = values([c_out, c_in, kernel, kernel], 2);
            let affine = NormParameters {
                weight: values([c_in], 4).add_scalar(1.5).detach().require_grad(),
                bias: values([c_in], 5),
            };
            let dy = values([n, size / stride, size / stride, c_out], 3).detach();
            let what = format!("{n} images of {size} pixels, {c_in} to {c_out}, kernel {kernel}, stride {stride}");
            let (batch, plain) = (moments(&x), reference::moments(&x));
            assert_close(&format!("{what}: mean"), batch.mean.clone(), plain.mean.clone());
            assert_close(&format!("{what}: variance"), batch.var.clone(), plain.var.clone());
            let found = norm_relu_conv(x.clone(), affine.clone(), &batch, weight.clone(), stride);
            let expected = reference::norm_relu_conv(x.clone(), affine.clone(), &plain, weight.clone(), stride);
            assert_close(&what, found.clone(), expected.clone());
            let (found, expected) = (
                found.mul(dy.clone()).sum().backward(),
                expected.mul(dy).sum().backward(),
            );
            let check = |name: &str, found: Option<Tensor<1>>, expected: Option<Tensor<1>>| {
                assert_close(&format!("{what}: {name}"), found.unwrap(), expected.unwrap());
            };
            check("scale", affine.weight.grad(&found), affine.weight.grad(&expected));
            check("shift", affine.bias.grad(&found), affine.bias.grad(&expected));
            assert_close(
                &format!("{what}: weight"),
                weight.grad(&found).unwrap(),
                weight.grad(&expected).unwrap(),
            );
            assert_close(
                &format!("{what}: input"),
                x.grad(&found).unwrap(),
                x.grad(&expected).unwrap(),
            );
        }
    }

    #[test]
    fn statistics_and_steps_are_those_of_the_reference() {
        let plain = |seed| values([24], seed).detach().without_autodiff();
        let moments = BatchMoments {
            mean: plain(1),
            var: plain(2).abs(),
        };
        let statistics = || [plain(3), plain(4).abs()];
        let found = running(statistics(), &moments, 40);
        for (found, expected) in found.into_iter().zip(reference::running(statistics(), &moments, 40)) {
            assert_close("running", found, expected);
        }
        let settings = Tensor::from_data([0.1, 0.01, 0.9], &Device::flex());
        let found = sgd(plain(5), plain(6), plain(7), settings.clone());
        for (found, expected) in found
            .into_iter()
            .zip(reference::sgd(plain(5), plain(6), plain(7), settings))
        {
            assert_close("step", found, expected);
        }
    }
}
