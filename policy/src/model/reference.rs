//! Tables that the systems' documentation prints. They are shown, and steer nothing.

pub(crate) mod classes;
pub(crate) mod second_bind;
