// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Runtime.InteropServices;

public sealed unsafe class NativeBuffer : SafeHandle
{
    private byte* _data;

    public NativeBuffer(int size)
        : base(0, ownsHandle: true)
    {
        _data = (byte*)NativeMemory.AllocZeroed((nuint)size);
        SetHandle((nint)_data);
        Length = size;
    }

    public int Length { get; }

    public override bool IsInvalid => handle == 0;

    public ref byte this[int i]
    {
        get
        {
            if ((uint)i >= (uint)Length)
                throw new IndexOutOfRangeException();
            return ref _data[i];
        }
    }

    public Span<byte> Span => new(_data, Length);

    protected override bool ReleaseHandle()
    {
        NativeMemory.Free(_data);
        _data = null;
        return true;
    }

    public static int Sum(NativeBuffer buffer)
    {
        bool taken = false;
        try
        {
            buffer.DangerousAddRef(ref taken);
            int sum = 0;
            foreach (byte value in buffer.Span)
                sum += value;
            return sum;
        }
        finally
        {
            if (taken)
                buffer.DangerousRelease();
        }
    }
}
