//! Serving: a hook's call is handed to the mechanism, and the port that it got is counted.

use crate::fd_ports;
use crate::windows::{errno, fd_cache};
use portshim_mechanism::windows::serve::{self, InterceptedCall};

/// Serves a call: what the program's call returns. The last error is as that call would leave it.
pub(crate) fn serve(call: &InterceptedCall<'_>) -> i32 {
    let served = serve::serve(call);
    if served.made_exclusive {
        fd_cache::hide_exclusive(call.socket.handle);
    }
    if let Some(grant) = &served.grant {
        let left = errno::get();
        fd_ports::hold(call.session, call.socket.handle, grant, call.about());
        errno::set(left);
    }
    served.answer
}
