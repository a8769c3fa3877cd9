package proxy

import (
	"net/url"
	"unsafe"

	"golang.org/x/sys/windows"
)

// settings is WINHTTP_PROXY_INFO.
type settings struct {
	access  uint32
	proxies *uint16
	bypass  *uint16
}

// userSettings is WINHTTP_CURRENT_USER_IE_PROXY_CONFIG.
type userSettings struct {
	detect  int32
	script  *uint16
	proxies *uint16
	bypass  *uint16
}

// namedProxy is WINHTTP_ACCESS_TYPE_NAMED_PROXY.
const namedProxy = 3

// system asks Windows: the setting of the machine's services (netsh winhttp set
// proxy) first, then that of the user who runs the agent. What Windows does not
// tell is as if it were not set.
func system(hostport string) (*url.URL, error) {
	lib := windows.NewLazySystemDLL("winhttp.dll")
	if lib.Load() != nil {
		return nil, nil
	}
	if ask := lib.NewProc("WinHttpGetDefaultProxyConfiguration"); ask.Find() == nil {
		var s settings
		if ok, _, _ := ask.Call(uintptr(unsafe.Pointer(&s))); ok != 0 {
			m := machine{proxies: take(s.proxies), bypass: take(s.bypass)}
			if s.access == namedProxy && m.proxies != "" {
				return m.proxy(hostport)
			}
		}
	}
	if ask := lib.NewProc("WinHttpGetIEProxyConfigForCurrentUser"); ask.Find() == nil {
		var s userSettings
		if ok, _, _ := ask.Call(uintptr(unsafe.Pointer(&s))); ok != 0 {
			take(s.script)
			m := machine{proxies: take(s.proxies), bypass: take(s.bypass)}
			if m.proxies != "" {
				return m.proxy(hostport)
			}
		}
	}
	return nil, nil
}

// take copies a text of Windows and gives its memory back.
func take(p *uint16) string {
	if p == nil {
		return ""
	}
	text := windows.UTF16PtrToString(p)
	free := windows.NewLazySystemDLL("kernel32.dll").NewProc("GlobalFree")
	free.Call(uintptr(unsafe.Pointer(p)))
	return text
}
