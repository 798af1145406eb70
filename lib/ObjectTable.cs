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
    private readonly Lock _lock = new();
    private readonly Stack<uint> _free = new();
    private T?[] _objects = new T?[64];
    private uint _next = 1;

    internal int Count { get; private set; }

    internal uint Add(T value)
    {
        lock (_lock)
        {
            uint id = _free.Count > 0 ? _free.Pop() : _next++;
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

    internal T Get(uint id)
    {
        T?[] objects = Volatile.Read(ref _objects);
        return (id < objects.Length ? Volatile.Read(ref objects[id]) : null) ?? throw new KernelOops($"dangling {typeof(T).Name} id {id}");
    }

    internal void Remove(uint id)
    {
        lock (_lock)
        {
            if (id >= _objects.Length || _objects[id] is null)
                throw new KernelOops($"double removal of {typeof(T).Name} id {id}");
            _objects[id] = null;
            _free.Push(id);
            Count--;
        }
    }
}
