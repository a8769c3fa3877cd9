package channel

import (
	"bytes"

	"picket/collector/alert"
)

// HTML is the half of a mail that is HTML.
func HTML(m alert.Message) ([]byte, error) {
	var b bytes.Buffer
	if err := asHTML(m, &b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
