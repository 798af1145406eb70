// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/x86/entry/syscall_64.c, Linux 6.18.
namespace Linux;

/// <summary>Registers of a system call: its arguments in the order in which x86-64 passes them.</summary>
internal readonly record struct pt_regs(ulong di, ulong si, ulong dx, ulong r10, ulong r8, ulong r9);

/// <summary>
/// The system call table: which number is which function, and how registers become its arguments. A 32-bit argument is the low half of its
/// register. Numbers that this kernel does not have answer -ENOSYS, as an unused one does.
/// </summary>
internal static class Syscall64
{
    [MightSleep]
    internal static long x64_sys_call(in pt_regs regs, uint nr) => nr switch
    {
        Unistd64.__NR_read => ReadWrite.sys_read((uint)regs.di, regs.si, regs.dx),
        Unistd64.__NR_write => ReadWrite.sys_write((uint)regs.di, regs.si, regs.dx),
        Unistd64.__NR_close => Open.sys_close((uint)regs.di),
        Unistd64.__NR_fstat => Stat.sys_newfstat((uint)regs.di, regs.si),
        Unistd64.__NR_poll => Select.sys_poll(regs.di, (uint)regs.si, (int)regs.dx),
        Unistd64.__NR_lseek => ReadWrite.sys_lseek((uint)regs.di, (long)regs.si, (uint)regs.dx),
        Unistd64.__NR_mmap => Mmap.sys_mmap(regs.di, regs.si, regs.dx, regs.r10, (int)regs.r8, regs.r9),
        Unistd64.__NR_mprotect => Mprotect.sys_mprotect(regs.di, regs.si, regs.dx),
        Unistd64.__NR_munmap => Mmap.sys_munmap(regs.di, regs.si),
        Unistd64.__NR_ioctl => Ioctl.sys_ioctl((uint)regs.di, (uint)regs.si, regs.dx),
        Unistd64.__NR_pread64 => ReadWrite.sys_pread64((uint)regs.di, regs.si, regs.dx, (long)regs.r10),
        Unistd64.__NR_pwrite64 => ReadWrite.sys_pwrite64((uint)regs.di, regs.si, regs.dx, (long)regs.r10),
        Unistd64.__NR_mremap => Mremap.sys_mremap(regs.di, regs.si, regs.dx, regs.r10, regs.r8),
        Unistd64.__NR_msync => Msync.sys_msync(regs.di, regs.si, (int)regs.dx),
        Unistd64.__NR_mincore => Mincore.sys_mincore(regs.di, regs.si, regs.dx),
        Unistd64.__NR_madvise => Madvise.sys_madvise(regs.di, regs.si, (int)regs.dx),
        Unistd64.__NR_dup => Fcntl.sys_dup((uint)regs.di),
        Unistd64.__NR_getpid => current.pid,
        Unistd64.__NR_sendfile => ReadWrite.sys_sendfile64((int)regs.di, (int)regs.si, regs.dx, regs.r10),
        Unistd64.__NR_fcntl => Fcntl.sys_fcntl((uint)regs.di, (int)regs.si, regs.dx),
        Unistd64.__NR_flock => Locks.sys_flock((uint)regs.di, (int)regs.si),
        Unistd64.__NR_fsync => Sync.do_fsync((uint)regs.di, 0),
        Unistd64.__NR_fdatasync => Sync.do_fsync((uint)regs.di, 1),
        Unistd64.__NR_ftruncate => Open.sys_ftruncate((uint)regs.di, (long)regs.si),
        Unistd64.__NR_fchmod => Open.sys_fchmod((uint)regs.di, (uint)regs.si),
        Unistd64.__NR_fchown => Open.sys_fchown((uint)regs.di, (uint)regs.si, (uint)regs.dx),
        Unistd64.__NR_fstatfs => Statfs.sys_fstatfs((uint)regs.di, regs.si),
        Unistd64.__NR_mlock => Mlock.sys_mlock(regs.di, regs.si),
        Unistd64.__NR_munlock => Mlock.sys_munlock(regs.di, regs.si),
        Unistd64.__NR_mlockall => Mlock.sys_mlockall((int)regs.di),
        Unistd64.__NR_munlockall => Mlock.sys_munlockall(),
        Unistd64.__NR_readahead => Readahead.ksys_readahead((int)regs.di, (long)regs.si, regs.dx),
        Unistd64.__NR_fsetxattr => Xattr.sys_fsetxattr((uint)regs.di, regs.si, regs.dx, regs.r10, (int)regs.r8),
        Unistd64.__NR_fgetxattr => Xattr.sys_fgetxattr((uint)regs.di, regs.si, regs.dx, regs.r10),
        Unistd64.__NR_flistxattr => Xattr.sys_flistxattr((uint)regs.di, regs.si, regs.dx),
        Unistd64.__NR_fremovexattr => Xattr.sys_fremovexattr((uint)regs.di, regs.si),
        Unistd64.__NR_futex => Syscalls.sys_futex(regs.di, (int)regs.si, (uint)regs.dx),
        Unistd64.__NR_fadvise64 => Fadvise.ksys_fadvise64_64((int)regs.di, (long)regs.si, (long)regs.dx, (int)regs.r10),
        Unistd64.__NR_mbind => Mempolicy.sys_mbind(regs.di, regs.si, regs.dx, regs.r10, regs.r8, (uint)regs.r9),
        Unistd64.__NR_get_mempolicy => Mempolicy.sys_get_mempolicy(regs.di, regs.si, regs.dx, regs.r10, regs.r8),
        Unistd64.__NR_splice => Splice.sys_splice((int)regs.di, regs.si, (int)regs.dx, regs.r10, regs.r8, (uint)regs.r9),
        Unistd64.__NR_sync_file_range => Sync.ksys_sync_file_range((int)regs.di, (long)regs.si, (long)regs.dx, (uint)regs.r10),
        Unistd64.__NR_vmsplice => Splice.sys_vmsplice((int)regs.di, regs.si, regs.dx, (uint)regs.r10),
        Unistd64.__NR_move_pages => Migrate.sys_move_pages((int)regs.di, regs.si, regs.dx, regs.r10, regs.r8, (int)regs.r9),
        Unistd64.__NR_utimensat => Open.sys_utimensat((int)regs.di, regs.si, regs.dx, (int)regs.r10),
        Unistd64.__NR_fallocate => Open.sys_fallocate((int)regs.di, (int)regs.si, (long)regs.dx, (long)regs.r10),
        Unistd64.__NR_eventfd2 => Eventfd.sys_eventfd2((uint)regs.di, (uint)regs.si),
        Unistd64.__NR_pipe2 => Pipe.sys_pipe2(regs.di, (uint)regs.si),
        Unistd64.__NR_prlimit64 => Sys.sys_prlimit64((int)regs.di, (uint)regs.si, regs.dx, regs.r10),
        Unistd64.__NR_name_to_handle_at => Fhandle.sys_name_to_handle_at((int)regs.di, regs.si, regs.dx, regs.r10, (int)regs.r8),
        Unistd64.__NR_process_vm_readv => ProcessVmAccess.sys_process_vm_readv((int)regs.di, regs.si, regs.dx, regs.r10, regs.r8, regs.r9),
        Unistd64.__NR_process_vm_writev => ProcessVmAccess.sys_process_vm_writev((int)regs.di, regs.si, regs.dx, regs.r10, regs.r8, regs.r9),
        Unistd64.__NR_memfd_create => Memfd.sys_memfd_create(regs.di, (uint)regs.si),
        Unistd64.__NR_mlock2 => Mlock.sys_mlock2(regs.di, regs.si, (uint)regs.dx),
        Unistd64.__NR_copy_file_range => ReadWrite.sys_copy_file_range((int)regs.di, regs.si, (int)regs.dx, regs.r10, regs.r8, (uint)regs.r9),
        Unistd64.__NR_memfd_secret => Secretmem.memfd_secret((uint)regs.di),
        _ => -ENOSYS,
    };
}
