//! The functions of `portshim.h` for tests, as a Java virtual machine calls them: with its own
//! environment and the class before the arguments (JNI, chapter 4). Each returns what the function
//! of C returns, or the negative error number.

use super::{exhaust, restriction};
use crate::system::Result;
use crate::system::errno::EINVAL;
use core::ffi::{c_int, c_uint, c_void};

/// A Java virtual machine's `JNIEnv`: it begins with its table of functions.
type Env = *const *const Function;
type Function = unsafe extern "system" fn();
/// `void GetIntArrayRegion(JNIEnv *, jintArray, jsize start, jsize length, jint *)`, and its place
/// in the table (JNI, chapter 4, "Interface Function Table").
type GetIntArrayRegion = unsafe extern "system" fn(Env, *const c_void, c_int, c_int, *mut c_int);
const GET_INT_ARRAY_REGION: usize = 203;

/// `static native int version()`.
#[unsafe(no_mangle)]
extern "system" fn Java_dev_portshim_Library_version(_: Env, _: *const c_void) -> c_int {
    super::VERSION
}

/// `static native int exhaust(int scopes, int leave, int whom)`.
#[unsafe(no_mangle)]
extern "system" fn Java_dev_portshim_Library_exhaust(
    _: Env,
    _: *const c_void,
    scopes: c_int,
    leave: c_int,
    whom: c_int,
) -> c_int {
    told(exhaust::exhaust(scopes as c_uint, leave as c_uint, whom))
}

/// `static native int only(int[] ranges, int count, int scopes, int whom)`: `count` pairs.
///
/// # Safety
/// To be called by a Java virtual machine.
#[unsafe(no_mangle)]
unsafe extern "system" fn Java_dev_portshim_Library_only(
    env: Env,
    _: *const c_void,
    ranges: *const c_void,
    count: c_int,
    scopes: c_int,
    whom: c_int,
) -> c_int {
    let mut pairs = [[0 as c_uint; 2]; exhaust::MOST_RANGES];
    let Some(pairs) = usize::try_from(count).ok().and_then(|count| pairs.get_mut(..count)).filter(|p| !p.is_empty())
    else {
        return -EINVAL;
    };
    // SAFETY: the virtual machine passes its environment, in whose table this function has its
    // place; it writes no more numbers than are asked for, and none where the array has fewer.
    unsafe {
        let get: GetIntArrayRegion = core::mem::transmute((*env).add(GET_INT_ARRAY_REGION).read());
        get(env, ranges, 0, count.saturating_mul(2), pairs.as_mut_ptr().cast());
    }
    told(exhaust::only(pairs, scopes as c_uint, whom))
}

/// `static native int restrict(int act, int first, int last, int scopes, int whom)`.
#[unsafe(no_mangle)]
extern "system" fn Java_dev_portshim_Library_restrict(
    _: Env,
    _: *const c_void,
    act: c_int,
    first: c_int,
    last: c_int,
    scopes: c_int,
    whom: c_int,
) -> c_int {
    let act = restriction(act).ok_or(EINVAL);
    let (first, last, scopes) = (first as c_uint, last as c_uint, scopes as c_uint);
    told(act.and_then(|act| exhaust::restrict(act, first, last, scopes, whom)))
}

/// `static native int release(int handle)`.
#[unsafe(no_mangle)]
extern "system" fn Java_dev_portshim_Library_release(_: Env, _: *const c_void, handle: c_int) -> c_int {
    told(exhaust::release(handle))
}

fn told(result: Result<c_int>) -> c_int {
    result.unwrap_or_else(|error| -error)
}
