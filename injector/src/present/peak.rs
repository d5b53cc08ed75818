//! The most sockets that held a port at once.

use portshim_policy::region::Region;

/// The peak that was counted, where anybody could count.
pub(crate) fn peak(region: &Region, counted: u32) -> Option<u32> {
    (!region.header.is_supervised()).then_some(counted)
}

/// A number, or what stands in its place in a table.
pub(crate) fn or_dash(number: Option<u32>) -> String {
    number.map_or_else(|| "-".to_owned(), |number| number.to_string())
}
