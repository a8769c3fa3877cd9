package demo

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"picket/collector/config"
)

// managed is the value of Options.Influx that starts an InfluxDB.
const managed = "managed"

// influxWait is how long an InfluxDB may take to answer a ping.
const influxWait = 5 * time.Second

// check looks at what the person asked for before anything is started, and
// chooses the page's address. Errors are [ErrOption] and [ErrMachine].
func check(ctx context.Context, o Options) (Options, error) {
	var err error
	if o.Page, err = checkPage(o.Page); err != nil {
		return o, err
	}
	if o.Influx == "" || o.Influx == managed {
		return o, nil
	}
	return o, checkInflux(ctx, o.Influx)
}

func checkPage(page string) (string, error) {
	if page == "" {
		if canListen(config.DefaultHTTP) == nil {
			return config.DefaultHTTP, nil
		}
		return "127.0.0.1:0", nil
	}
	host, port, err := net.SplitHostPort(page)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil || strings.ContainsAny(host, " \t\n\"'") {
		return "", &classed{ErrOption, fmt.Sprintf("--page %q is not an address: write host:port, such as 127.0.0.1:8443", page)}
	}
	if err := canListen(page); err != nil {
		return "", &classed{ErrMachine, fmt.Sprintf("--page: cannot listen on %s: %v", page, err)}
	}
	return page, nil
}

func canListen(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	return l.Close()
}

// checkInflux wants any answer but a server's error from the ping that all
// versions of InfluxDB have. The URL is not repeated: it may hold a password.
func checkInflux(ctx context.Context, text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" {
		return &classed{ErrOption, "--influx takes \"managed\" or the URL of an InfluxDB, such as http://127.0.0.1:8086"}
	}
	ctx, cancel := context.WithTimeout(ctx, influxWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.JoinPath("ping").String(), nil)
	if err != nil {
		return &classed{ErrOption, "--influx: " + err.Error()}
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return &classed{ErrMachine, fmt.Sprintf("--influx: nothing answers as InfluxDB at %s: start it, or use --influx managed", u.Host)}
	}
	defer res.Body.Close()
	if res.StatusCode >= 400 {
		return &classed{ErrMachine, fmt.Sprintf("--influx: what answers at %s is no working InfluxDB: %s", u.Host, res.Status)}
	}
	return nil
}
