//! Integration tests over the whole of Blocks, and what they share.
