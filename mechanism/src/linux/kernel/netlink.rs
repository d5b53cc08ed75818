//! Messages of netlink(7): a header, a body, and attributes behind it.

use super::call::Result;
use core::ffi::c_int;

/// The length of `struct nlmsghdr`.
const HEADER: usize = 16;
/// The length of `struct nlattr`.
const ATTRIBUTE: usize = 4;

/// A request, of at most `ROOM` bytes.
pub struct Request<const ROOM: usize> {
    bytes: [u8; ROOM],
    len: usize,
}

impl<const ROOM: usize> Request<ROOM> {
    /// A request of this kind, for one answer or, with `NLM_F_DUMP`, for all that there are.
    pub fn new(kind: u16, flags: c_int) -> Self {
        let mut request = Self { bytes: [0; ROOM], len: HEADER };
        request.bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        request.bytes[6..8].copy_from_slice(&((libc::NLM_F_REQUEST | flags) as u16).to_ne_bytes());
        request
    }

    /// Appends a part of the body. What there is no room for is left out.
    pub fn put(&mut self, part: &[u8]) {
        let free = self.bytes.iter_mut().skip(self.len);
        self.len += free.zip(part).map(|(to, from)| *to = *from).count();
    }

    /// Appends an attribute.
    pub fn attribute(&mut self, kind: u16, value: &[u8]) {
        self.put(&((ATTRIBUTE + value.len()) as u16).to_ne_bytes());
        self.put(&kind.to_ne_bytes());
        self.put(value);
        self.len = self.len.next_multiple_of(4).min(ROOM);
    }

    /// The request as the kernel reads it.
    pub fn bytes(&mut self) -> &[u8] {
        self.bytes[..4].copy_from_slice(&(self.len as u32).to_ne_bytes());
        &self.bytes[..self.len]
    }
}

/// A message of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Kind of it.
    pub kind: u16,
    /// Contents of it.
    pub body: &'a [u8],
}

/// The messages of a piece of an answer. The last is EOPNOTSUPP where it is cut short.
pub fn messages(mut piece: &[u8]) -> impl Iterator<Item = Result<Message<'_>>> {
    core::iter::from_fn(move || {
        let header: &[u8; HEADER] = piece.first_chunk()?;
        let [a, b, c, d, e, f, ..] = *header;
        let len = u32::from_ne_bytes([a, b, c, d]) as usize;
        let Some(body) = piece.get(HEADER..len) else {
            piece = &[];
            return Some(Err(libc::EOPNOTSUPP));
        };
        piece = piece.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some(Ok(Message { kind: u16::from_ne_bytes([e, f]), body }))
    })
}

/// The error that a body of `NLMSG_ERROR` or `NLMSG_DONE` tells of, if it is one.
pub fn error(body: &[u8]) -> Option<c_int> {
    let number = c_int::from_ne_bytes(*body.first_chunk()?);
    (number < 0).then(|| number.saturating_neg())
}

/// The value of the first attribute of this kind.
pub fn attribute(mut attributes: &[u8], kind: u16) -> Option<&[u8]> {
    loop {
        let [a, b, c, d] = *attributes.first_chunk::<ATTRIBUTE>()?;
        let len = usize::from(u16::from_ne_bytes([a, b]));
        let value = attributes.get(ATTRIBUTE..len)?;
        if u16::from_ne_bytes([c, d]) == kind {
            return Some(value);
        }
        attributes = attributes.get(len.next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Vec<u8> {
        let mut request = Request::<64>::new(26, libc::NLM_F_DUMP);
        request.put(&[1, 2, 3, 4]);
        request.attribute(7, &[5]);
        request.attribute(9, &[6, 6, 6, 6, 6]);
        request.bytes().to_vec()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let bytes = example();
        assert_eq!(bytes.len(), HEADER + 4 + 8 + 12);
        assert_eq!(bytes[6..8], ((libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16).to_ne_bytes());
        let two = [bytes.clone(), bytes].concat();
        let read: Vec<_> = messages(&two).collect::<Result<_>>().unwrap();
        assert_eq!(read.len(), 2);
        for message in read {
            assert_eq!((message.kind, &message.body[..4]), (26, &[1, 2, 3, 4][..]));
            let attributes = &message.body[4..];
            assert_eq!(attribute(attributes, 7), Some(&[5][..]));
            assert_eq!(attribute(attributes, 9), Some(&[6; 5][..]));
            assert_eq!(attribute(attributes, 8), None);
        }
    }

    #[test]
    fn what_is_cut_short_is_refused() {
        let bytes = example();
        for cut in HEADER..bytes.len() {
            assert_eq!(messages(&bytes[..cut]).collect::<Vec<_>>(), [Err(libc::EOPNOTSUPP)], "{cut} bytes");
        }
        // An attribute, or a message, that is said to be shorter than its own header.
        for len in 0..ATTRIBUTE as u8 {
            assert_eq!(attribute(&[len, 0, 7, 0, 1, 1, 1, 1], 7), None);
        }
        let mut short = bytes;
        short[..4].copy_from_slice(&15u32.to_ne_bytes());
        assert_eq!(messages(&short).collect::<Vec<_>>(), [Err(libc::EOPNOTSUPP)]);
    }

    #[test]
    fn errors_are_told_as_positive_numbers() {
        for (number, told) in [(0, None), (-libc::ENOENT, Some(libc::ENOENT)), (i32::MIN, Some(i32::MAX)), (3, None)] {
            assert_eq!(error(&number.to_ne_bytes()), told, "{number}");
        }
        assert_eq!(error(&[1, 2, 3]), None);
    }
}
