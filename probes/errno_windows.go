package probes

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// spoken is empty: on Windows the resolver's errors carry flags, and their
// words follow the language of the system.
var spoken []syscall.Errno

// troubleOf says what errno means. The POSIX names that the syscall package
// invents for Windows never come from a socket; Winsock's own numbers do.
func troubleOf(errno syscall.Errno) trouble {
	switch errno {
	case windows.WSAETIMEDOUT:
		return troubleTimeout
	case windows.WSAECONNREFUSED:
		return troubleRefused
	case windows.WSAECONNRESET, windows.WSAECONNABORTED, windows.WSAENETRESET, windows.WSAESHUTDOWN, windows.WSAEDISCON:
		return troubleReset
	case windows.WSAEHOSTUNREACH, windows.WSAEHOSTDOWN:
		return troubleUnreach
	case windows.WSAENETUNREACH, windows.WSAENETDOWN, windows.WSAEAFNOSUPPORT:
		return troubleNoRoute
	case windows.WSAEMFILE, windows.WSAENOBUFS, windows.WSAEADDRNOTAVAIL, windows.WSAEADDRINUSE, windows.WSAEPROCLIM:
		return troubleResources
	case windows.WSAEACCES, windows.WSAEPROTONOSUPPORT, windows.ERROR_ACCESS_DENIED:
		return troublePermission
	default:
		return troubleNone
	}
}
