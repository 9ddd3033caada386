package harness

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// LaunchWithClock is Launch for a process whose wall clock is off by so much; its monotonic clock isn't. The binary and
// the machine's clock stay as they are: what is changed is the code that the kernel has mapped into this one process
// for asking the time (vDSO), between its execve and its first instruction. A static Go program asks nobody else.
func LaunchWithClock(t testing.TB, cmd *exec.Cmd, off time.Duration) *Process {
	t.Helper()
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Ptrace = true // it stops at its first instruction
	return launch(t, cmd, func() error {
		runtime.LockOSThread() // only the thread that traces may ask
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			return err
		}
		pid := cmd.Process.Pid
		var status syscall.WaitStatus
		if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil {
			return fmt.Errorf("%v can't be awaited: %w", cmd, err)
		}
		if !status.Stopped() {
			return fmt.Errorf("%v doesn't stop at its start", cmd)
		}
		if err := bendClock(pid, int64(off/time.Second)); err != nil {
			return fmt.Errorf("the clock of %v can't be changed: %w", cmd, err)
		}
		return syscall.PtraceDetach(pid)
	})
}

// bendClock replaces clock_gettime in the vDSO of a process that is stopped.
func bendClock(pid int, seconds int64) error {
	name, code := clockCode(seconds)
	if name == "" {
		return fmt.Errorf("the machine code for %s isn't known; add it to clockCode", runtime.GOARCH)
	}
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return err
	}
	area := regexp.MustCompile(`(?m)^([0-9a-f]+)-([0-9a-f]+) .*\[vdso\]$`).FindSubmatch(maps)
	if area == nil {
		return fmt.Errorf("it has no vDSO")
	}
	begin, err := strconv.ParseUint(string(area[1]), 16, 64)
	if err != nil {
		return err
	}
	end, err := strconv.ParseUint(string(area[2]), 16, 64)
	if err != nil {
		return err
	}
	image := make([]byte, end-begin)
	if _, err := syscall.PtracePeekData(pid, uintptr(begin), image); err != nil {
		return err
	}
	vdso, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return err
	}
	symbols, err := vdso.DynamicSymbols()
	if err != nil {
		return err
	}
	for _, s := range symbols {
		if s.Name != name {
			continue
		}
		if s.Size < uint64(len(code)) {
			return fmt.Errorf("%s has %d bytes, fewer than %d", name, s.Size, len(code))
		}
		_, err := syscall.PtracePokeData(pid, uintptr(begin+s.Value), code)
		return err
	}
	return fmt.Errorf("its vDSO has no %s", name)
}

// clockCode returns the name of the function that tells the time, and machine code to replace it: that code asks the
// kernel and adds seconds if CLOCK_REALTIME was asked for. Without a name the architecture isn't known.
func clockCode(seconds int64) (name string, code []byte) {
	if runtime.GOARCH != "amd64" {
		return "", nil
	}
	code = []byte{
		0xb8, 228, 0, 0, 0, // mov eax, SYS_clock_gettime
		0x0f, 0x05, // syscall
		0x85, 0xff, // test edi, edi
		0x75, 0x0d, // jnz to ret
		0x48, 0xb9, // mov rcx, seconds
	}
	code = binary.LittleEndian.AppendUint64(code, uint64(seconds))
	return "__vdso_clock_gettime", append(code,
		0x48, 0x01, 0x0e, // add [rsi], rcx
		0xc3) // ret
}
