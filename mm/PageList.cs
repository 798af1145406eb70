// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace Linux;

/// <summary>
/// Head of a circular, doubly linked list of page frames, in native memory that does not move. It is Linux's <c>list_head</c> for the one
/// kind of element that needs no allocation: the links are in the frames, and the head looks like the links of a frame.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct PageList
{
    private PageFrame* next;
    private PageFrame* prev;

    internal static void Init(PageList* list)
    {
        list->next = AsFrame(list);
        list->prev = AsFrame(list);
    }

    internal static bool IsEmpty(PageList* list) => list->next == AsFrame(list);

    /// <summary>First element; the list must not be empty.</summary>
    internal static PageFrame* First(PageList* list) => list->next;

    internal static PageFrame* Last(PageList* list) => list->prev;

    internal static PageFrame* FirstOrNull(PageList* list) => list->next == AsFrame(list) ? null : list->next;

    /// <summary>Element after the given one, or null at the end.</summary>
    internal static PageFrame* Next(PageList* list, PageFrame* frame) => frame->next == AsFrame(list) ? null : frame->next;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void AddHead(PageList* list, PageFrame* frame) => Insert(frame, AsFrame(list), list->next);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void AddTail(PageList* list, PageFrame* frame) => Insert(frame, list->prev, AsFrame(list));

    /// <summary>Takes the frame off whatever list it is on. Links become null, so that a second removal faults at once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Delete(PageFrame* frame)
    {
        PageFrame* next = frame->next, prev = frame->prev;
        if (next == null)
            NotListed(frame);
        next->prev = prev;
        prev->next = next;
        frame->next = null;
        frame->prev = null;
    }

    private static void Insert(PageFrame* frame, PageFrame* prev, PageFrame* next)
    {
        next->prev = frame;
        frame->next = next;
        frame->prev = prev;
        prev->next = frame;
    }

    // The links of a frame start 8 bytes into it.
    private static PageFrame* AsFrame(PageList* list) => (PageFrame*)((byte*)list - 8);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void NotListed(PageFrame* frame) => throw new KernelOops($"list_del corruption: {new page(frame)} is on no list");
}
