//! The end of the user's session, for a process without a console.
//!
//! A process that has loaded `user32` gets no console event of it (HandlerRoutine, remarks), and one that was started apart from its
//! client has no console at all. What a window would get instead, it has to have a window for: one that is never shown.

use std::ptr;

use windows_sys::Win32::Foundation::{HWND, LPARAM, LRESULT, WPARAM};
use windows_sys::Win32::System::LibraryLoader::GetModuleHandleW;
use windows_sys::Win32::UI::WindowsAndMessaging::{
    CreateWindowExW, DefWindowProcW, DispatchMessageW, GetMessageW, MSG, RegisterClassW, WM_ENDSESSION,
    WM_QUERYENDSESSION, WNDCLASSW, WS_OVERLAPPED,
};

use super::console_events::END_TIMEOUT;
use super::signals::note;
use crate::os::Signal;
use snowgate_link::os::wide;

/// Listens from here on. Where there is no room for a thread, or no window can be made (a session without a desktop), the end of
/// the session ends the process as a kill does, which it is made for.
pub(super) fn listen() {
    let thread = std::thread::Builder::new().name("snowgate-session-end".to_owned());
    let _ = thread.spawn(take_messages);
}

/// Makes the window and takes its messages: they come to the thread that has made it.
fn take_messages() {
    let name = wide("snowgate-session-end");
    // SAFETY: the class and its name outlive the calls that read them; the window has no parent, no menu and no parameter. A
    // message is read into room for one, and given to the procedure below.
    unsafe {
        let module = GetModuleHandleW(ptr::null());
        let class = WNDCLASSW {
            lpfnWndProc: Some(take),
            hInstance: module,
            lpszClassName: name.as_ptr(),
            ..Default::default()
        };
        if RegisterClassW(&raw const class) == 0 {
            return;
        }
        let window = CreateWindowExW(
            0,
            name.as_ptr(),
            name.as_ptr(),
            WS_OVERLAPPED,
            0,
            0,
            0,
            0,
            ptr::null_mut(),
            ptr::null_mut(),
            module,
            ptr::null(),
        );
        if window.is_null() {
            return;
        }
        let mut message = MSG::default();
        while GetMessageW(&raw mut message, ptr::null_mut(), 0, 0) > 0 {
            DispatchMessageW(&raw const message);
        }
    }
}

/// Called by the system for each message.
unsafe extern "system" fn take(window: HWND, message: u32, wparam: WPARAM, lparam: LPARAM) -> LRESULT {
    match message {
        // It may end.
        WM_QUERYENDSESSION => 1,
        // It ends when this returns, and before that where what runs takes no longer.
        WM_ENDSESSION if wparam != 0 => {
            note(Signal::Terminate);
            std::thread::sleep(END_TIMEOUT);
            0
        }
        // SAFETY: what the system has called this with.
        _ => unsafe { DefWindowProcW(window, message, wparam, lparam) },
    }
}
