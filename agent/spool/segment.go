package spool

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"picket/internal/fleet"
	"picket/internal/uplink"
)

// The format of a segment file. All numbers are little-endian.
//
//	header: magic (8), format (4), run (8), floor (8), CRC32C of these (4)
//	frames: uvarint length of the batch, CRC32C of the batch (4), batch
//
// floor is the time in milliseconds behind which all results of the file lie
// if their check has no result in it: with it, times stay unique for ever
// although a new run knows the newest segment only. A batch is what
// [uplink.EncodeBatch] made.
const (
	magic      = "PKSPOOL\n"
	format     = 1
	headerSize = len(magic) + 4 + 8 + 8 + 4
	suffix     = ".seg"
)

var (
	errHeader = errors.New("segment header is damaged")
	errNewer  = errors.New("segment was written by a newer version")
	// errDamaged says that a frame is not what was written; the reader stands
	// behind it, if its length can be right. errCut says that nothing more can
	// be read: the rest is no whole frame.
	errDamaged = errors.New("frame is damaged")
	errCut     = errors.New("frame is cut")
)

// segment is what is known of one segment file. The spool's mu guards it.
type segment struct {
	number      uint64 // its name; later segments have greater ones
	run         uint64
	first, last uint64 // seqs of the first and the last record that can be read
	size        int64  // durable bytes, the header included
	oldest      int64  // time of the first record, in milliseconds
	newest      int64  // greatest time of a record of the last frame
	pins        int    // readers that have it open; it is not deleted before they are done
}

func segmentName(number uint64) string { return fmt.Sprintf("%016d%s", number, suffix) }

// parseName is the inverse of segmentName.
func parseName(name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	if !ok || len(digits) != 16 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil
}

func (s *Spool) path(number uint64) string { return filepath.Join(s.o.Dir, segmentName(number)) }

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

func appendHeader(dst []byte, run uint64, floor int64) []byte {
	at := len(dst)
	dst = append(dst, magic...)
	dst = binary.LittleEndian.AppendUint32(dst, format)
	dst = binary.LittleEndian.AppendUint64(dst, run)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(floor))
	return binary.LittleEndian.AppendUint32(dst, checksum(dst[at:]))
}

// readHeader reads the header that b begins with.
func readHeader(b []byte) (run uint64, floor int64, err error) {
	if len(b) < headerSize || string(b[:len(magic)]) != magic {
		return 0, 0, errHeader
	}
	if n := binary.LittleEndian.Uint32(b[8:]); n > format {
		return 0, 0, fmt.Errorf("%w: format %d", errNewer, n)
	}
	if checksum(b[:headerSize-4]) != binary.LittleEndian.Uint32(b[headerSize-4:]) {
		return 0, 0, errHeader
	}
	return binary.LittleEndian.Uint64(b[12:]), int64(binary.LittleEndian.Uint64(b[20:])), nil
}

func appendFrame(dst, batch []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(batch)))
	dst = binary.LittleEndian.AppendUint32(dst, checksum(batch))
	return append(dst, batch...)
}

// frameReader reads the frames of a segment one after the other.
type frameReader struct {
	r   *bufio.Reader
	off int64 // of the next frame in the file
	end int64 // of the file, as far as it is durable
	buf []byte
}

// newFrameReader reads f from off, where a frame begins, to end.
func newFrameReader(f io.ReaderAt, off, end int64) *frameReader {
	return &frameReader{r: bufio.NewReaderSize(io.NewSectionReader(f, off, end-off), 64<<10), off: off, end: end}
}

// next returns the next batch as it was encoded, valid until the next call. At
// the end the error is io.EOF. After an errDamaged reading may go on with the
// frame behind; errCut and errors of the disk are final.
func (r *frameReader) next() ([]byte, error) {
	if r.off >= r.end {
		return nil, io.EOF
	}
	head, err := r.r.Peek(binary.MaxVarintLen64)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read frame at %d: %w", r.off, err)
	}
	size, n := binary.Uvarint(head)
	if n <= 0 || size == 0 || size > uplink.MaxBatchBytes {
		return nil, errCut
	}
	whole := int64(n) + 4 + int64(size)
	if whole > r.end-r.off {
		return nil, errCut
	}
	_, _ = r.r.Discard(n) // they are in the buffer
	if uint64(cap(r.buf)) < size+4 {
		r.buf = make([]byte, size+4)
	}
	b := r.buf[:size+4]
	if _, err := io.ReadFull(r.r, b); err != nil {
		return nil, fmt.Errorf("read frame at %d: %w", r.off, err)
	}
	r.off += whole
	if checksum(b[4:]) != binary.LittleEndian.Uint32(b) {
		return nil, errDamaged
	}
	return b[4:], nil
}

// decodeFrame decodes a batch of run.
func decodeFrame(raw []byte, run uint64) (*fleet.Batch, error) {
	b, err := uplink.DecodeBatch(raw)
	if err != nil {
		return nil, err
	}
	if b.Run != run {
		return nil, fmt.Errorf("%w: it belongs to another run", errDamaged)
	}
	return b, nil
}
