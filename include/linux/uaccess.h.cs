// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/uaccess.h, Linux 6.18.
namespace Linux;

internal sealed partial class task_struct
{
    /// <summary>Depth of pagefault_disable(): a fault on user memory then fails at once.</summary>
    internal int pagefault_disabled;
}

/// <summary>
/// Copies between the kernel and user memory. User addresses are translated with the task's rights on its own CPU; a missing page faults
/// in, as for the program itself. All return the bytes that were not copied.
/// </summary>
internal static unsafe class UaccessH
{
    internal static void pagefault_disable() => current.pagefault_disabled++;

    internal static void pagefault_enable() => current.pagefault_disabled--;

    internal static bool pagefault_disabled() => current.pagefault_disabled != 0;

    /// <summary>Whether a range is below the end of user space at all; says nothing about what is there.</summary>
    internal static bool access_ok(ulong addr, ulong size) => access_ok(current.kernel, addr, size);

    internal static bool access_ok(Kernel kernel, ulong addr, ulong size)
    {
        ulong limit = kernel.arch.TASK_SIZE;
        return size <= limit && addr <= limit - size;
    }

    [MightSleep]
    internal static ulong copy_from_user(void* to, ulong from, ulong n)
    {
        if (!access_ok(from, n))
        {
            new Span<byte>(to, checked((int)n)).Clear();
            return n;
        }

        ulong left = __copy_from_user(to, from, n);

        // What did not come must not show what was there before.
        if (left != 0)
            new Span<byte>((byte*)to + (n - left), (int)left).Clear();
        return left;
    }

    [MightSleep]
    internal static ulong copy_to_user(ulong to, void* from, ulong n) => access_ok(to, n) ? __copy_to_user(to, from, n) : n;

    [MightSleep]
    internal static ulong __copy_from_user(void* to, ulong from, ulong n) => UserFault.CopyFrom(current, (byte*)to, from, n);

    [MightSleep]
    internal static ulong __copy_to_user(ulong to, void* from, ulong n) => UserFault.CopyTo(current, to, (byte*)from, n);

    /// <summary>Fails where a fault would be needed.</summary>
    internal static ulong __copy_from_user_inatomic(void* to, ulong from, ulong n)
    {
        pagefault_disable();
        ulong left = UserFault.CopyFrom(current, (byte*)to, from, n);
        pagefault_enable();
        return left;
    }

    /// <summary>Fails where a fault would be needed.</summary>
    internal static ulong __copy_to_user_inatomic(ulong to, void* from, ulong n)
    {
        pagefault_disable();
        ulong left = UserFault.CopyTo(current, to, (byte*)from, n);
        pagefault_enable();
        return left;
    }

    [MightSleep]
    internal static ulong clear_user(ulong to, ulong n) => access_ok(to, n) ? UserFault.CopyTo(current, to, null, n) : n;

    [MightSleep]
    internal static int get_user<T>(out T value, ulong from)
        where T : unmanaged
    {
        T read;
        int error = copy_from_user(&read, from, (ulong)sizeof(T)) != 0 ? -EFAULT : 0;
        value = error == 0 ? read : default;
        return error;
    }

    [MightSleep]
    internal static int put_user<T>(T value, ulong to)
        where T : unmanaged => copy_to_user(to, &value, (ulong)sizeof(T)) != 0 ? -EFAULT : 0;

    /// <summary>Copies a string, up to and with its terminator.</summary>
    /// <returns>Its length without the terminator, <paramref name="count"/> if it is longer, or -EFAULT.</returns>
    [MightSleep]
    internal static long strncpy_from_user(byte* dst, ulong src, long count)
    {
        for (long i = 0; i < count; i++)
        {
            if (copy_from_user(dst + i, src + (ulong)i, 1) != 0)
                return -EFAULT;
            if (dst[i] == 0)
                return i;
        }

        return count;
    }

    /// <summary>For code that may run anywhere, also where a fault could not be handled.</summary>
    internal static int copy_from_user_nofault(void* dst, ulong src, ulong size) =>
        access_ok(src, size) && __copy_from_user_inatomic(dst, src, size) == 0 ? 0 : -EFAULT;

    internal static int copy_to_user_nofault(ulong dst, void* src, ulong size) =>
        access_ok(dst, size) && __copy_to_user_inatomic(dst, src, size) == 0 ? 0 : -EFAULT;
}
