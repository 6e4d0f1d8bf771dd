# What device-tests and compute-sanitizer print, as the JSON lines of run-all; one expression a kind of line.
s/^\([0-9]*\) checks, \([0-9]*\) failed$/{"kind":"check","name":"STAGE","checks":\1,"failed":\2}/p
s/^\(.*\), \([0-9]*\) multiprocessors, read ceiling \([0-9.]*\) GB\/s$/{"kind":"ceiling","what":"read","device":"\1","multiprocessors":\2,"gigabytesPerSecond":\3}/p
s/^| \(.*[^ ]\)  *|  *\([0-9.]*\) us |  *\([0-9.]*\) GB\/s |  *\([0-9.]*\) % of the read ceiling | plan \([0-9.]*\) us |$/{"kind":"decode","case":"\1","microseconds":\2,"gigabytesPerSecond":\3,"percentOfRead":\4,"planMicroseconds":\5}/p
s/^=* *ERROR SUMMARY: \([0-9]*\) errors\{0,1\}.*$/{"kind":"findings","name":"memcheck","count":\1}/p
s/^=* *RACECHECK SUMMARY: \([0-9]*\) hazards\{0,1\} displayed.*$/{"kind":"findings","name":"racecheck","count":\1}/p
