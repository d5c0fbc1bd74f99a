/* A clock that can be moved: preloaded into a process, it adds the seconds in the file CAMPAIGN_CLOCK (eight bytes, signed, of this
 * machine) to what the process is told the time of day to be. The monotonic clock, by which timeouts go, stays as it is; so does
 * what the kernel waits for. libfaketime 0.9 was tried: a jump breaks Python's time.sleep under it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const int64_t stands_still = 0;
static const volatile int64_t *offset = &stands_still;

static int (*true_clock_gettime)(clockid_t, struct timespec *);
static int (*true_sem_timedwait)(sem_t *, const struct timespec *);

__attribute__((constructor)) static void open_clock(void) {
  true_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
  true_sem_timedwait = dlsym(RTLD_NEXT, "sem_timedwait");
  const char *path = getenv("CAMPAIGN_CLOCK");
  int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0) return;
  void *found = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
  if (found != MAP_FAILED) offset = found;
  close(file);
}

int clock_gettime(clockid_t clock, struct timespec *told) {
  if (!true_clock_gettime) open_clock();
  int failed = true_clock_gettime(clock, told);
  if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) told->tv_sec += *offset;
  return failed;
}

int gettimeofday(struct timeval *restrict told, void *restrict zone) {
  struct timespec now;
  (void)zone;
  if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
  told->tv_sec = now.tv_sec;
  told->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *told) {
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
  if (told) *told = now.tv_sec;
  return now.tv_sec;
}

/* Its deadline was reckoned on the moved clock, and the kernel's is not moved. */
int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict until) {
  struct timespec real = *until;
  real.tv_sec -= *offset;
  return true_sem_timedwait(semaphore, &real);
}
