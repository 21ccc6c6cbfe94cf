//! The walk over the entries (DIEs) of one unit of `.debug_info`.
