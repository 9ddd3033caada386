package checker

// laneRoom is how many probes each of the two lanes of the network runs at a time. By Little's law a lane is full when
// (targets x probe duration / interval) reaches it: 10,000 targets that all run into a timeout of 2 s every 5 s fill
// 4,000 places.
const laneRoom = 4096

// programRoom is how many programs of exec checks run at a time: each is a process of this machine's.
const programRoom = 64

// lane bounds the probes under way; the others wait their turn. There is one for targets whose latest probe was quick, one
// for those that were slow, so that any number of hanging endpoints delays the healthy ones for one round at most, and
// one for programs.
type lane struct {
	room    int
	running int
	waiting []*entry // first come, first served
}

// enter reports whether e may begin now; if not, it waits.
func (l *lane) enter(e *entry) bool {
	if l.running >= l.room {
		l.waiting = append(l.waiting, e)
		return false
	}
	l.running++
	return true
}

// leave gives a place back, and returns who takes it; nil: nobody waits.
func (l *lane) leave() *entry {
	l.running--
	for len(l.waiting) > 0 {
		e := l.waiting[0]
		l.waiting[0] = nil
		l.waiting = l.waiting[1:]
		if !e.removed {
			l.running++
			return e
		}
	}
	return nil
}
