package influx

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// AlarmError: the server answers, but not to us: a wrong token, a missing
// bucket, a wrong address. The data is good and must be kept; somebody has to
// mend something.
type AlarmError struct {
	Status  int // HTTP status
	Message string
}

func (e *AlarmError) Error() string {
	return fmt.Sprintf("InfluxDB refuses to take anything (%d): %s", e.Status, e.Message)
}

// BusyError: the server cannot be reached or cannot take it now.
type BusyError struct {
	Status     int           // HTTP status, 0 if there was no answer
	RetryAfter time.Duration // what the server asked for; 0: nothing
	Message    string
}

func (e *BusyError) Error() string {
	if e.Status == 0 {
		return "InfluxDB cannot be reached: " + e.Message
	}
	return fmt.Sprintf("InfluxDB is busy (%d): %s", e.Status, e.Message)
}

// refusal: something among the lines is bad, or (413) they are too many.
type refusal struct {
	status  int
	message string
}

func (e *refusal) Error() string {
	return fmt.Sprintf("InfluxDB refused lines (%d): %s", e.status, e.message)
}

// maxRetryAfter bounds what a server, or a proxy on the way, may ask for.
const maxRetryAfter = 10 * time.Minute

// maxMessage bounds the server's text in an error.
const maxMessage = 500

// classify turns the client's error into one of this package's.
func (w *Writer) classify(err error) error {
	e, ok := asHTTP(err)
	if !ok {
		return &BusyError{Message: w.scrub(cut(err.Error(), maxMessage))}
	}
	text := e.Error()
	if e.Message != "" {
		text = e.Message
	}
	text = cut(strings.TrimSpace(w.scrub(text)), maxMessage)
	switch status := e.StatusCode; {
	case status == http.StatusBadRequest, status == http.StatusUnprocessableEntity, status == http.StatusRequestEntityTooLarge:
		return &refusal{status, text}
	case status == http.StatusInternalServerError && strings.Contains(e.Message, "retention policy not found"):
		return &AlarmError{status, text} // InfluxDB 1.8's answer to "database/nonsense"
	case status == 0, status == http.StatusRequestTimeout, status == http.StatusTooManyRequests, status >= 500:
		return &BusyError{Status: status, RetryAfter: min(time.Duration(e.RetryAfter)*time.Second, maxRetryAfter), Message: text}
	default:
		return &AlarmError{status, text}
	}
}
