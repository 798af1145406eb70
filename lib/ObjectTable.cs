// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace Linux;

/// <summary>
/// Numbers managed objects so that native structures (a folio's mapping, an XArray slot) can name them. Ids start at 1; 0 is NULL. Lookups
/// take no lock; an id is reused only after <see cref="Remove"/>, whose caller guarantees that no native structure still holds it.
/// </summary>
/// <typeparam name="T">Type of the objects.</typeparam>
internal sealed class ObjectTable<T>
    where T : class
{
    private const int Rest = 1024;

    private readonly Lock _lock = new();
    private readonly Queue<uint> _free = new();
    private T?[] _objects = new T?[64];
    private uint _next = 1;

    internal int Count { get; private set; }

    internal uint Add(T value)
    {
        lock (_lock)
        {
            // An id rests for a while: a reader that raced with the removal finds nothing, rather than somebody else.
            uint id = _free.Count > Rest ? _free.Dequeue() : _next++;
            if (id >= _objects.Length)
            {
                T?[] grown = new T?[_objects.Length * 2];
                _objects.CopyTo(grown, 0);
                Volatile.Write(ref _objects, grown);
            }

            // Release: pairs with the acquire in Get(); the id is handed out only after the object is in place.
            Volatile.Write(ref _objects[id], value);
            Count++;
            return id;
        }
    }

    internal T Get(uint id) => TryGet(id) ?? throw new KernelOops($"dangling {typeof(T).Name} id {id}");

    /// <summary>The object, or null if it was removed: for readers that hold nothing that keeps it.</summary>
    internal T? TryGet(uint id)
    {
        T?[] objects = Volatile.Read(ref _objects);
        return id < objects.Length ? Volatile.Read(ref objects[id]) : null;
    }

    /// <summary>The objects that are in the table now.</summary>
    internal T[] Snapshot()
    {
        lock (_lock)
            return [.. _objects.OfType<T>()];
    }

    internal void Remove(uint id)
    {
        lock (_lock)
        {
            if (id >= _objects.Length || _objects[id] is null)
                throw new KernelOops($"double removal of {typeof(T).Name} id {id}");
            _objects[id] = null;
            _free.Enqueue(id);
            Count--;
        }
    }
}
