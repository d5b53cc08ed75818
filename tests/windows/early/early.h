/* What the early library tells of where it came up. */
#ifndef EARLY
#define EARLY __declspec(dllimport)
#endif

/* The thread, and a slot of the thread's own with 4711 in it. */
extern EARLY DWORD early_thread, early_slot;
/* A window of that thread's. */
extern EARLY HWND early_window;
