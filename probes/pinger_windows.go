package probes

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// newPinger asks Windows itself to ping: IcmpSendEcho2 and Icmp6SendEcho2 of
// iphlpapi.dll, which ping.exe uses too. They need no administrator, where a raw
// socket needs one, and they hand over only the reply to their own request.
func newPinger() Pinger {
	ip, kernel := windows.NewLazySystemDLL("iphlpapi.dll"), windows.NewLazySystemDLL("kernel32.dll")
	return &echoAPI{
		open4: ip.NewProc("IcmpCreateFile"), open6: ip.NewProc("Icmp6CreateFile"), close: ip.NewProc("IcmpCloseHandle"),
		echo4: ip.NewProc("IcmpSendEcho2"), echo6: ip.NewProc("Icmp6SendEcho2"),
		count: kernel.NewProc("QueryPerformanceCounter"), rate: kernel.NewProc("QueryPerformanceFrequency"),
	}
}

// echoAPI is a [Pinger] on the ICMP calls of Windows. A call blocks its thread
// until the reply or its own timeout, so every request has a goroutine of its
// own. When ctx ends early those under way are left to their timeouts, a second
// at most; [Options.Pings] times [Spec.Packets] bounds them.
type echoAPI struct {
	open4, open6, close, echo4, echo6 *windows.LazyProc
	count, rate                       *windows.LazyProc // of the performance counter
}

// Sizes and numbers of <ipexport.h> and <icmpapi.h>.
const (
	echoData = 32 // bytes in a request, as many as ping.exe sends
	// echoReply has room for a reply (40 bytes, 36 for IPv6), the data, an ICMP
	// error (8) and an IO_STATUS_BLOCK (16), which the manual asks for, twice over.
	echoReply = 256

	ipSuccess        = 0
	ipNetUnreachable = 11002 // these four: a router, or the host, says so
	ipPortUnreach    = 11005
	ipNoResources    = 11006
	ipTimedOut       = 11010
)

// echo is what came of one request.
type echo struct {
	n    int
	rtt  time.Duration // 0: there was no reply
	sent bool
	err  error
}

func (w *echoAPI) Ping(ctx context.Context, addr netip.Addr, packets int, spacing, perPacket time.Duration) (Echoes, error) {
	send, err := w.sender(addr)
	if err != nil {
		return Echoes{}, err
	}
	var (
		begun   = time.Now()
		answers = make(chan echo, packets) // one from each request, so none blocks; closed by nobody
		all     = make([]echo, 0, packets)
		last    time.Time
		next    = time.NewTimer(0)
		started int
	)
	defer next.Stop()
	for len(all) < packets {
		select {
		case <-next.C:
			go func(n int, limit time.Duration) {
				a := send(limit)
				a.n = n
				answers <- a
			}(started, within(ctx, perPacket))
			if started++; started < packets {
				next.Reset(spacing)
			}
		case a := <-answers:
			all, last = append(all, a), time.Now()
		case <-ctx.Done():
			return echoesOf(all, started, time.Since(begun)), firstError(all)
		}
	}
	return echoesOf(all, started, last.Sub(begun)), firstError(all)
}

// within is how long a request may wait, so that it ends with ctx.
func within(ctx context.Context, limit time.Duration) time.Duration {
	if d, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(d))
	}
	return max(limit, time.Millisecond) // the unit of Windows
}

// echoesOf counts. A request that is still under way was sent.
func echoesOf(all []echo, started int, took time.Duration) Echoes {
	e := Echoes{Sent: started, Took: took}
	byNumber := make([]time.Duration, started)
	for _, a := range all {
		if !a.sent {
			e.Sent--
		}
		byNumber[a.n] = a.rtt
	}
	for _, rtt := range byNumber {
		if rtt > 0 {
			e.RTTs = append(e.RTTs, rtt)
		}
	}
	return e
}

func firstError(all []echo) error {
	for _, a := range all {
		if a.err != nil {
			return a.err
		}
	}
	return nil
}

// sender returns what sends one request to addr and waits for its reply.
func (w *echoAPI) sender(addr netip.Addr) (func(limit time.Duration) echo, error) {
	addr = addr.Unmap()
	open, status := w.open4, 4 // where a reply has its status; the round trip in ms follows it
	if addr.Is6() {
		open, status = w.open6, 28
	}
	for _, p := range []*windows.LazyProc{open, w.close, w.echo4, w.echo6, w.count, w.rate} {
		if err := p.Find(); err != nil { // Call would panic
			return nil, fmt.Errorf("this Windows has no ICMP calls: %w", err)
		}
	}
	var to, from windows.RawSockaddrInet6
	if addr.Is6() {
		from.Family, to.Family, to.Addr = windows.AF_INET6, windows.AF_INET6, addr.As16()
		to.Scope_id = zoneID(addr.Zone())
	}
	return func(limit time.Duration) echo {
		handle, _, err := open.Call()
		if windows.Handle(handle) == windows.InvalidHandle {
			return echo{err: os.NewSyscallError("IcmpCreateFile", err)}
		}
		defer w.close.Call(handle)
		var data [echoData]byte
		reply := make([]uint64, echoReply/8) // aligned as the structures in it
		wait := uintptr((limit + time.Millisecond - 1) / time.Millisecond)
		began := w.now()
		var got uintptr
		if addr.Is6() {
			got, _, err = w.echo6.Call(handle, 0, 0, 0, uintptr(unsafe.Pointer(&from)), uintptr(unsafe.Pointer(&to)),
				uintptr(unsafe.Pointer(&data)), echoData, 0, uintptr(unsafe.Pointer(&reply[0])), echoReply, wait)
		} else {
			a4 := addr.As4()
			got, _, err = w.echo4.Call(handle, 0, 0, 0, uintptr(binary.NativeEndian.Uint32(a4[:])),
				uintptr(unsafe.Pointer(&data)), echoData, 0, uintptr(unsafe.Pointer(&reply[0])), echoReply, wait)
		}
		took := w.now() - began
		runtime.KeepAlive(reply)
		if got == 0 {
			errno, _ := err.(syscall.Errno)
			return judge(errno, 0, 0, limit)
		}
		b := unsafe.Slice((*byte)(unsafe.Pointer(&reply[0])), echoReply)
		return judge(syscall.Errno(binary.NativeEndian.Uint32(b[status:])),
			time.Duration(binary.NativeEndian.Uint32(b[status+4:]))*time.Millisecond, took, limit)
	}, nil
}

// judge reads the status of a request: in a reply, or the error of the call.
// told is the round trip by Windows, in whole milliseconds rounded down; took is
// what we saw, which holds the waking up of our thread as well.
func judge(status syscall.Errno, told, took, limit time.Duration) echo {
	switch {
	case status == ipSuccess && took > 0:
		rtt := max(min(took, told+time.Millisecond), told, time.Microsecond)
		if rtt > limit {
			return echo{sent: true}
		}
		return echo{sent: true, rtt: rtt}
	case status == ipTimedOut:
		return echo{sent: true}
	case status >= ipNetUnreachable && status <= ipPortUnreach:
		return echo{sent: true, err: os.NewSyscallError("echo request", windows.WSAEHOSTUNREACH)}
	case status == windows.ERROR_NETWORK_UNREACHABLE:
		return echo{err: os.NewSyscallError("echo request", windows.WSAENETUNREACH)}
	case status == windows.ERROR_HOST_UNREACHABLE:
		return echo{err: os.NewSyscallError("echo request", windows.WSAEHOSTUNREACH)}
	case status == ipNoResources, status == windows.ERROR_NOT_ENOUGH_MEMORY, status == windows.ERROR_NO_SYSTEM_RESOURCES:
		return echo{err: os.NewSyscallError("echo request", windows.WSAENOBUFS)}
	case status == 0:
		return echo{err: errors.New("echo request: Windows gave neither a reply nor a reason")}
	}
	// 11050, "general failure", is among these: a local firewall, or no network.
	return echo{err: os.NewSyscallError("echo request", status)}
}

// now reads the performance counter, because [time.Now] of Windows moves in
// steps of up to 15.6 ms.
func (w *echoAPI) now() time.Duration {
	var count, rate int64
	w.count.Call(uintptr(unsafe.Pointer(&count))) // cannot fail since Windows XP
	w.rate.Call(uintptr(unsafe.Pointer(&rate)))
	rate = cmp.Or(rate, 1)
	return time.Duration(count/rate)*time.Second + time.Duration(count%rate)*time.Second/time.Duration(rate)
}

// zoneID is the number of a scope: Windows writes zones as numbers, Go by name.
func zoneID(zone string) uint32 {
	if zone == "" {
		return 0
	}
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n)
	}
	if i, err := net.InterfaceByName(zone); err == nil {
		return uint32(i.Index)
	}
	return 0
}
