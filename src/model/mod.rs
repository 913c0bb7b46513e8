//! The networks: `architecture` says which tensors one has, without any tensor library.

pub mod architecture;
