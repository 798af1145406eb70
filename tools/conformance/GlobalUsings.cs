// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
#pragma warning disable IDE0005 // system calls that operations carry out
global using static Linux.Attr;
global using static Linux.Base;
global using static Linux.CurrentH;
global using static Linux.Errno;
global using static Linux.Eventpoll;
global using static Linux.Exec;
global using static Linux.FcntlH;
global using static Linux.Fd;
global using static Linux.Inode;
global using static Linux.PinnedIo;
global using static Linux.Syscall64;
global using static Linux.Userfaultfd;
