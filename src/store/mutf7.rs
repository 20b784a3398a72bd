//! mutf7
