//go:build !windows

package probes

import "syscall"

// spoken are the errnos that the net package's resolver may have put into words.
var spoken = []syscall.Errno{
	syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN, syscall.EAFNOSUPPORT, syscall.EADDRNOTAVAIL,
	syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.EACCES, syscall.EPERM, syscall.ECONNREFUSED, syscall.ECONNRESET,
}

// troubleOf says what errno means. ENETUNREACH and EHOSTUNREACH come from this
// machine's routing table or from a router's ICMP message; connect asks the
// table and answers with a fault of its own in the first case.
func troubleOf(errno syscall.Errno) trouble {
	switch errno {
	case syscall.ETIMEDOUT:
		return troubleTimeout
	case syscall.ECONNREFUSED:
		return troubleRefused
	case syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE:
		return troubleReset
	case syscall.EHOSTUNREACH, syscall.EHOSTDOWN:
		return troubleUnreach
	case syscall.ENETUNREACH, syscall.ENETDOWN, syscall.EAFNOSUPPORT:
		return troubleNoRoute
	case syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL, syscall.EADDRINUSE, syscall.EAGAIN:
		return troubleResources
	case syscall.EPERM, syscall.EACCES, syscall.EPROTONOSUPPORT:
		return troublePermission
	default:
		return troubleNone
	}
}
